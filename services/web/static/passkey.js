// Has a passkey sign what the city's pages prepared. The form's own answer says what: this script decides nothing.
"use strict";
(() => {
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const bytes = (word) => Uint8Array.from(atob(word.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const known = (words) => words.map((id) => ({ type: "public-key", id: bytes(id) }));

  async function post(url, fields) {
    const answer = await fetch(url, { method: "POST", headers: { Accept: "application/json" }, body: fields });
    const said = await answer.json();
    if (!answer.ok) throw said.error;
    return said;
  }

  async function get(asked) {
    const found = await navigator.credentials.get({ publicKey: {
      challenge: bytes(asked.challenge), rpId: asked.rpId, allowCredentials: known(asked.allow),
      userVerification: "required", timeout: 110000,
    } });
    return {
      credential: text(found.rawId), authenticator_data: text(found.response.authenticatorData),
      client_data: text(found.response.clientDataJSON), signature: text(found.response.signature),
    };
  }

  async function create(asked) {
    const made = await navigator.credentials.create({ publicKey: {
      challenge: bytes(asked.challenge), rp: asked.rp, user: { ...asked.user, id: bytes(asked.user.id) },
      pubKeyCredParams: asked.kinds.map((alg) => ({ type: "public-key", alg })),
      excludeCredentials: known(asked.exclude),
      authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
      attestation: "none", timeout: 110000,
    } });
    return {
      credential: text(made.rawId), client_data: text(made.response.clientDataJSON),
      attestation: text(made.response.attestationObject),
    };
  }

  function made(name, words, more = {}) {
    const one = document.createElement(name);
    one.textContent = words;
    return Object.assign(one, more);
  }

  // What is wrong, as a way to the field that it is about.
  function tell(form, said) {
    const box = form.querySelector("[role=alert]");
    const field = said.field && form.querySelector(`[name="${said.field}"], [name^="${said.field}-"]`);
    const lines = (said.lines || [[said.message], [said.hint]]).filter(([words]) => words).map(([words, lang], nth) => {
      const p = made("p", nth ? words : "", { lang: lang || document.documentElement.lang });
      const to = field ? "#" + field.id : ways[said.code];
      if (!nth) p.append(to ? made("a", words, { href: to }) : words);
      return p;
    });
    box.replaceChildren(made("h2", form.dataset.problem, { className: "govuk-error-summary__title" }), ...lines);
    for (const one of form.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
    if (field) field.setAttribute("aria-invalid", "true");
    if (!document.title.startsWith(form.dataset.error)) document.title = form.dataset.error + ": " + document.title;
    box.hidden = false;
    box.focus();
  }

  // Where it goes on: signed in again, or on the page as it is by now.
  const here = location.pathname + location.search;
  const ways = {
    "session.ended": "/sign-in?next=" + encodeURIComponent(here),
    "request.changed": here, "outside.changed": here, "order.past": here, "draft.changed": here,
    "resolution.receipt": here,
  };

  function inWords(form, error) {
    if (error && error.message && error.code && typeof error.code === "string") return error;
    const name = (error && error.name) || "";
    if (name === "InvalidStateError") return { message: form.dataset.already };
    if (name === "NotAllowedError" || name === "AbortError" || name === "SecurityError") {
      return { message: form.dataset.cancelled, hint: name === "SecurityError" ? String(error.message) : "" };
    }
    return { message: form.dataset.offline };
  }

  const waiting = new WeakMap();

  // Of a link; one that is opened where the page is open already loads nothing anew. A place on the page is no token.
  const token = document.querySelector("[data-from-hash]");
  function takeToken() {
    const given = location.hash.slice(1);
    if (!given || document.getElementById(given)) return;
    token.value = given;
    waiting.delete(token.form);
    token.form.querySelector("[role=alert]").hidden = true;
    history.replaceState(null, "", location.pathname);
  }
  if (token) {
    takeToken();
    addEventListener("hashchange", takeToken);
  }

  async function go(form) {
    const csrf = form.elements.csrf ? form.elements.csrf.value : "";
    let said = waiting.get(form) || await post(form.action, new URLSearchParams(new FormData(form)));
    while (!said.to) {
      waiting.set(form, said);
      const answer = said.create ? await create(said.create) : await get(said.get);
      waiting.delete(form);
      said = await post(said.then, new URLSearchParams({ ...answer, csrf }));
    }
    form.dispatchEvent(new Event("signed"));
    location.assign(said.to);
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-passkey]")) return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    form.querySelector("[role=alert]").hidden = true;
    try {
      await go(form);
    } catch (error) {
      if (!(error && error.name === "NotAllowedError" && waiting.get(form) && form.dataset.keep)) waiting.delete(form);
      tell(form, inWords(form, error));
      button.disabled = false;
    }
  });
})();
