// What was typed into a form to be signed outlives a reload, a dead battery and signing in again: on this device, for the
// same officer and the same thing, until it is signed or the officer signs out. What changed on the page wins.
"use strict";
(() => {
  const KEPT_MS = 30 * 24 * 3_600_000;
  const mine = (officer) => `typed ${officer} `;
  const keyOf = (form, field) =>
    mine(form.dataset.officer) + [form.getAttribute("action"), form.dataset.about, field.name].join(" ");
  const fieldsOf = (form) => [...form.elements].filter((one) => form.dataset.officer && one.name
    && ["textarea", "text", "url"].includes(one.type));
  const kept = (key) => {
    try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
  };
  const names = (beginning) => Object.keys(localStorage).filter((key) => key.startsWith(beginning));

  for (const key of names("typed ")) {
    if (!(Date.now() - (kept(key)?.at ?? 0) < KEPT_MS)) localStorage.removeItem(key);
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    for (const field of fieldsOf(form)) {
      const known = kept(keyOf(form, field));
      if (known?.was === field.defaultValue) field.value = known.typed;
    }
    form.addEventListener("input", ({ target }) => {
      if (!fieldsOf(form).includes(target)) return;
      const typed = { was: target.defaultValue, typed: target.value, at: Date.now() };
      localStorage.setItem(keyOf(form, target), JSON.stringify(typed));
    });
    form.addEventListener("signed", () => fieldsOf(form).forEach((one) => localStorage.removeItem(keyOf(form, one))));
  }

  document.addEventListener("submit", ({ target }) => {
    if (target.dataset.signsOut) names(mine(target.dataset.signsOut)).forEach((key) => localStorage.removeItem(key));
  });
})();
