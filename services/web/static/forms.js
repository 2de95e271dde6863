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
