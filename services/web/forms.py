"""The parts of the pages' forms, as GOV.UK Frontend's components: each with its label, its hint and its error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from markupsafe import Markup, escape

from services.web.components import component

Sentences = Callable[..., str]
"""The catalogue of a language: a sentence by its key."""

Choice = tuple[str, str]
"""What is sent, and what a person reads."""

_BUTTONS = {"second": "govuk-button--secondary", "danger": "govuk-button--warning"}
_LABEL = "govuk-label--s"
_WRITTEN = {"dir": "auto"}
"""Of what people write: Arabic and Urdu from right to left, as the public sees it."""
_ATTRIBUTES = {"autocapitalize": "none", **_WRITTEN}


class FormParts:
    """Makes the parts of forms in one language; ids are names where nothing else is said."""

    def __init__(self, texts: Sentences) -> None:
        self._texts = texts

    def button(
        self,
        text: str,
        kind: Literal["", "second", "danger"] = "",
        more: str = "",
        href: str | None = None,
        **options: Any,
    ) -> Markup:
        """Return a button, or with ``href`` a link that looks like one; ``more`` is for who hears it only.

        ``options`` are the component's own: ``name``, ``value``, ``attributes``.
        """
        hidden = Markup('<span class="govuk-visually-hidden"> {}</span>').format(more) if more else ""
        return component("button", html=escape(text) + hidden, href=href, classes=_BUTTONS.get(kind), **options)

    def input(self, name: str, label: str, *, error: str = "", hint: str = "", **options: Any) -> Markup:
        """Return a line of text; ``options`` are the component's own, and ``most`` its longest length."""
        attributes = _ATTRIBUTES | options.pop("attributes", {})
        if "most" in options:
            attributes["maxlength"] = str(options.pop("most"))
        return component("input", attributes=attributes, **(self._field(name, label, hint, error) | options))

    def text(
        self, name: str, label: str, *, error: str = "", hint: str = "", most: int | None = None, **options: Any
    ) -> Markup:
        """Return a field of several lines; with ``most`` it says how many characters are left."""
        field = self._field(name, label, hint, error) | {"attributes": _WRITTEN} | options
        if most is None:
            return component("textarea", **field)
        texts, count = self._texts, "%{count}"
        return component(
            "character-count",
            maxlength=str(most),
            textareaDescriptionText=texts("count.most", count=count),
            charactersUnderLimitText={"one": texts("count.left_one"), "other": texts("count.left", count=count)},
            charactersAtLimitText=texts("count.none"),
            charactersOverLimitText={"one": texts("count.over_one"), "other": texts("count.over", count=count)},
            **field,
        )

    def select(self, name: str, label: str, choices: Sequence[Choice], chosen: str = "", **options: Any) -> Markup:
        """Return a list of which one is chosen."""
        hint, error = options.pop("hint", ""), options.pop("error", "")
        items = [{"value": value, "text": text, "selected": value == chosen} for value, text in choices]
        return component("select", items=items, **self._field(name, label, hint, error), **options)

    def radios(self, name: str, legend: str, choices: Sequence[Choice], chosen: str = "", **options: Any) -> Markup:
        """Return choices of which one is taken; the id of each is ``<id>-<value>``."""
        prefix, hint = options.pop("id", name), options.pop("hint", "")
        items = [
            {"value": value, "text": text, "id": f"{prefix}-{value}", "checked": value == chosen}
            for value, text in choices
        ]
        parts: dict[str, Any] = {
            "fieldset": {"legend": {"text": legend, "classes": "govuk-fieldset__legend--s"}},
            "hint": {"text": hint} if hint else None,
            "errorMessage": self._error(options.pop("error", "")),
        }
        return component("radios", name=name, idPrefix=prefix, items=items, **(parts | options))

    def tick(self, name: str, value: str, label: str) -> Markup:
        """Return one box to tick."""
        return component("checkboxes", name=name, items=[{"value": str(value), "text": label, "id": name}])

    def file(self, name: str, label: str, accept: str, *, hint: str = "", error: str = "", **data: str) -> Markup:
        """Return a field for a file; ``data`` is what the page's script reads of it."""
        attributes = {"accept": accept} | {f"data-{key}": value for key, value in data.items()}
        return component("file-upload", attributes=attributes, **self._field(name, label, hint, error))

    def problem(self, title: str, message: str, hint: str, href: str) -> Markup:
        """Return what is wrong with a form, at its top, with a way to the field."""
        found = [{"html": message, "href": href}] + ([{"html": hint}] if hint else [])
        return component("error-summary", titleText=title, errorList=found, attributes={"id": "problem"})

    def warning(self, inside: str) -> Markup:
        """Return what must not be overlooked."""
        return component("warning-text", html=inside, iconFallbackText=self._texts("forms.warning"))

    def done(self, inside: str) -> Markup:
        """Return what was done just now."""
        return component("notification-banner", type="success", html=inside, titleText=self._texts("forms.done"))

    def _field(self, name: str, label: str, hint: str, error: str) -> dict[str, Any]:
        return {
            "id": name,
            "name": name,
            "label": {"text": label, "classes": _LABEL},
            "hint": {"text": hint} if hint else None,
            "errorMessage": self._error(error),
        }

    def _error(self, error: str) -> dict[str, str] | None:
        return {"html": error, "visuallyHiddenText": self._texts("forms.error")} if error else None
