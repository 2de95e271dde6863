"""Writes the page of city.toml's settings from the models that read it, never by hand."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas.forms import ENDPOINT, SERVER, WEBSITE
from services.kernel.base.settings.city_file import CityFile
from services.kernel.base.settings.city_platforms import Section

PAGE = Path(__file__).resolve().parents[3] / "docs" / "settings.md"

_HEAD = """# The settings of city.toml

<!-- generated from services/kernel/base/settings by `make docs`; not edited by hand -->

Each section of a city's `city.toml`, and what may stand in it. What is absent has its
default, or is empty where none is given here; what is not named here is refused, with the place.

A change counts with the next start; in [townsquare], [mastodon], [bluesky], [webhook] and [email], and of `store_gb`,
`onevoice up` sees it at once ([units and containers](../deploy/README.md) do not). `onevoice doctor` names what does
not count yet.
"""

_TEXTS = {
    SERVER: "address: https, or http on this machine",
    ENDPOINT: "address: https, or http on this machine; with a path",
    WEBSITE: "address: http or https",
}
_PLAIN = {"string": "text", "boolean": "`true` or `false`", "integer": "whole number", "number": "number"}


def settings_page() -> tuple[Path, str]:
    """Return where the page belongs, and its text."""
    parts = [f"## {title}\n\n{about}\n\n{_table(model)}\n" for title, about, model in _sections()]
    return PAGE, "\n".join([_HEAD, *parts])


def _sections() -> Iterator[tuple[str, str, type[BaseModel]]]:
    yield "Above all sections", _about(CityFile), CityFile
    for name, info in CityFile.model_fields.items():
        model = _section_in(info.annotation)
        if model is None:
            continue
        inner = {key: found for key, one in model.model_fields.items() if (found := _section_in(one.annotation))}
        if len(inner) == len(model.model_fields):  # no field of its own: one section, for each realm
            (realm,) = set(inner.values())
            yield " and ".join(f"`[{name}.{key}]`" for key in inner), f"{_about(model)} {_about(realm)}", realm
            continue
        yield f"`[{name}]`", _about(model), model
        for key, found in inner.items():
            yield f'`[{name}.{key}."NAME"]`', _about(found), found


def _section_in(form: Any) -> type[BaseModel] | None:
    """Return the section that a field is, may be, or has many of."""
    if isinstance(form, type) and issubclass(form, Section):
        return form
    return next((found for one in get_args(form) if (found := _section_in(one))), None)


def _about(model: type[BaseModel]) -> str:
    """Return a docstring as Markdown, without the name that the heading has."""
    text = inspect.cleandoc(model.__doc__ or "").replace("``", "`")
    text = re.sub(r"^(?:city\.toml\. |\[\S+\](?: and \[\S+\])*: )", "", text)
    return text[:1].upper() + text[1:]


def _table(model: type[BaseModel]) -> str:
    forms = model.model_json_schema()["properties"]
    rows = [
        f"| `{name}` | {_default(info)} | {_form(forms[name])} |"
        for name, info in model.model_fields.items()
        if _section_in(info.annotation) is None
    ]
    return "\n".join(["| field | default | form |", "|---|---|---|", *rows])


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "must be given"
    value = info.get_default(call_default_factory=True)
    if value is None or value in ("", (), {}):
        return ""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _form(form: dict[str, Any]) -> str:
    """Say a JSON Schema in words."""
    if "anyOf" in form:
        return _form(next(one for one in form["anyOf"] if one["type"] != "null"))
    if "enum" in form:
        return ", ".join(f"`{json.dumps(one)}`" for one in form["enum"])
    if form["type"] == "array":
        return f"list of: {_form(form['items'])}"
    if form["type"] == "object":
        (value,) = form.get("patternProperties", {"": form.get("additionalProperties")}).values()
        return f"table, of each name: {_form(value)}"
    words = "date" if form.get("format") == "date" else _TEXTS.get(form.get("pattern", ""), _PLAIN[form["type"]])
    return f"{words}{_bounds(form)}"


def _bounds(form: dict[str, Any]) -> str:
    least, above = form.get("minimum"), form.get("exclusiveMinimum")
    most = form.get("maximum")
    said = [f"{least:,} or more"] if least is not None else []
    said += [f"more than {above:,}"] if above is not None else []
    said += [f"at most {most:,.0f}"] if most is not None else []
    return f", {', '.join(said)}" if said else ""
