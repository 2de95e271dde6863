"""GOV.UK Frontend's components in the pages: the markup of ``govuk-frontend-jinja``, under the city's own colours.

Source: design-system.service.gov.uk; what each component takes is written there ("Nunjucks macro options").
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import ChainableUndefined, Environment, PackageLoader, PrefixLoader
from markupsafe import Markup, escape

PACKAGE = "govuk_frontend_jinja"


@cache
def _environment() -> Environment:
    # Their templates ask for options that were not given; the pages' own must not, so each has its own environment.
    loader = PrefixLoader({PACKAGE: PackageLoader(PACKAGE)})
    return Environment(loader=loader, autoescape=True, undefined=ChainableUndefined, auto_reload=False)


@cache
def _macro(name: str) -> Any:
    module = _environment().get_template(f"{PACKAGE}/components/{name}/macro.html").module
    return getattr(module, "govuk" + "".join(part.capitalize() for part in name.split("-")))


def component(name: str, /, **options: Any) -> Markup:
    """Return a component's HTML; what is not ``Markup`` is escaped, in the options for HTML too.

    Args:
        name: as the design system writes it: ``button``, ``error-summary``.
        options: its options by their names there; those that are None count as not given.
    """
    return Markup(_macro(name)(_harmless(options)))  # noqa: S704 - their template escaped it, or _harmless did


def _harmless(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options without those that are None; their templates put ``html`` out as it is, so it is escaped here."""
    return {key: _part(key, value) for key, value in options.items() if value is not None}


def _part(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _harmless(value)
    if isinstance(value, list | tuple):
        return [_part(key, one) for one in value]
    return escape(value) if key.lower().endswith("html") else value
