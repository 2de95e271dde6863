// Asks the browser to wake this device; all words stand in the form.
"use strict";
(() => {
  const form = document.querySelector("form[data-push]");
  if (!form) return;
  const box = form.querySelector("[role=alert]");
  const bytes = (word) => Uint8Array.from(atob(word.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

  function tell(...lines) {
    box.replaceChildren(...lines.filter(Boolean).map((line) => {
      const p = document.createElement("p");
      p.textContent = line;
      return p;
    }));
    box.hidden = false;
    box.tabIndex = -1;
    box.focus();
  }

  const own = window.trustedTypes && trustedTypes.createPolicy("onevoice", { createScriptURL: () => "/worker.js" });

  async function subscribe() {
    if (!("serviceWorker" in navigator) || !("PushManager" in window)) return tell(form.dataset.cannot);
    if (await Notification.requestPermission() !== "granted") return tell(form.dataset.denied);
    await navigator.serviceWorker.register(own ? own.createScriptURL("") : "/worker.js");
    const ready = await navigator.serviceWorker.ready;
    const made = (await ready.pushManager.subscribe({
      userVisibleOnly: true, applicationServerKey: bytes(form.dataset.key),
    })).toJSON();
    const fields = new URLSearchParams({ csrf: form.elements.csrf.value, endpoint: made.endpoint, ...made.keys });
    const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body: fields });
    const said = await answer.json();
    if (!answer.ok) return tell(said.error.message, said.error.hint);
    location.assign(said.to);
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      await subscribe();
    } catch (error) {
      tell(form.dataset.failed, String(error.message || ""));
    }
    button.disabled = false;
  });
})();
