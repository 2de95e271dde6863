// Lets GOV.UK Frontend's components act where a page has any: what is left of a text's length, errors that are read out.
"use strict";
((source) => {
  document.body.classList.add("js-enabled");
  if (!document.querySelector("[data-module]") || !("noModule" in HTMLScriptElement.prototype)) return;
  document.body.classList.add("govuk-frontend-supported");
  import(source).then(({ CharacterCount, ErrorSummary, NotificationBanner, Radios, SkipLink, createAll }) => {
    for (const one of [CharacterCount, ErrorSummary, NotificationBanner, Radios, SkipLink]) createAll(one);
  });
})(document.currentScript.dataset.components);

// A file that is too large is said at once, and not after minutes on a slow network.
document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.type !== "file" || !field.dataset.most) return;
  const file = field.files[0];
  field.setCustomValidity(file && file.size > Number(field.dataset.most) ? field.dataset.large : "");
  field.reportValidity();
});
