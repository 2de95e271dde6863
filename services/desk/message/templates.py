"""Templates of messages: wording that was agreed on beforehand, with fields for what only the day knows.

A template is a TOML file ``templates/<name>.toml`` in the city folder. What it renders is a text like any other: it is
previewed, screened and signed as it will be posted, so nothing later depends on the file.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from schemas.events.authority import Severity
from schemas.events.base import Contract
from schemas.events.requests import GivenLanguage
from services.desk.options import MessageOptions
from services.desk.words import check_id
from services.kernel.base.errors import BadInput, first_fault

MAX_VALUE = 300
"""How many characters a field's value has at most."""

_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")

FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Template(Contract):
    """A template's file: the locked ``text`` with ``{field}`` places, and what each of the ``fields`` means.

    ``severity`` and ``language`` are locked with the wording, where they are given.
    """

    summary: str
    text: Annotated[str, StringConstraints(min_length=10, strip_whitespace=True)]
    severity: Severity | None = None
    language: GivenLanguage | None = None
    fields: dict[FieldName, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _text_and_fields_agree(self) -> Self:
        places = set(_PLACE.findall(self.text))
        if rest := re.findall(r"[{}]", _PLACE.sub("", self.text)):
            raise ValueError(f"the text has a {rest[0]} that is not part of a field such as {{area}}")
        if lost := sorted(places ^ set(self.fields)):
            where = "the text, and is not under [fields]" if lost[0] in places else "[fields], and is not in the text"
            raise ValueError(f"{lost[0]} is in {where}")
        return self

    def render(self, name: str, values: dict[str, str]) -> str:
        """Return the text with each place filled.

        Raises:
            BadInput: ``template.field`` for one that it does not have, ``template.missing``, ``template.value``.
        """
        if unknown := [field for field in values if field not in self.fields]:
            has = ", ".join(self.fields) or "none"
            raise BadInput("template.field", f"{name} has no field {unknown[0][:40]!r}", f"its fields: {has}")
        if missing := [field for field in self.fields if field not in values]:
            raise BadInput(
                "template.missing",
                f"{name} needs {', '.join(missing)}",
                " ".join(f'--set {field}="{self.fields[field]}"' for field in missing),
            )
        filled = {field: _value(field, value) for field, value in values.items()}
        return _PLACE.sub(lambda place: filled[place[1]], self.text)


def _value(field: str, value: str) -> str:
    """Return a field's value, with single spaces; it has one line, and a letter or a digit."""
    clean = " ".join(value.split())
    if not any(sign.isalnum() for sign in clean) or len(clean) > MAX_VALUE or len(value.strip().splitlines()) > 1:
        raise BadInput(
            "template.value",
            f"the value of {field} is empty, too long, or of several lines",
            f"--set {field}=... with up to {MAX_VALUE} characters on one line",
        )
    return clean


def names(folder: Path) -> list[str]:
    """Return the names of a city's templates, in order."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def load(folder: Path, name: str) -> Template:
    """Read a template.

    Raises:
        BadInput: ``template.id``, ``template.unknown``, ``template.unreadable``, ``template.invalid`` with the fault.
    """
    path = folder / f"{check_id(name, 'template')}.toml"
    try:
        return Template.model_validate(tomllib.loads(path.read_bytes().decode("utf-8-sig")))
    except FileNotFoundError as error:
        known = ", ".join(names(folder))
        hint = f"there are: {known}" if known else "onevoice template install puts the usual ones into the city folder"
        raise BadInput("template.unknown", f"there is no template {name[:40]}", hint) from error
    except OSError as error:
        raise BadInput("template.unreadable", f"{path}: {error.strerror}", "check the file's permissions") from error
    except ValidationError as error:
        raise BadInput("template.invalid", f"{path}: {first_fault(error)}", "correct that in the file") from error
    except (RecursionError, ValueError) as error:
        raise BadInput("template.invalid", f"{path}: {error}", "save it as TOML 1.0, in UTF-8") from error


def filled(message: MessageOptions, folder: Path) -> MessageOptions:
    """Return the message with what its template says; as it is where it names none.

    Raises:
        BadInput: ``template.alone`` for --set without --template, ``template.locked`` for what the template decides,
            ``template.set`` for what is not FIELD=VALUE, ``template.twice``, and what ``load`` and ``render`` raise.
    """
    if message.template is None:
        if message.set:
            raise BadInput("template.alone", "--set was given without --template", "onevoice template list")
        return message
    template = load(folder, message.template)
    _refuse_changes(message, template)
    return replace(
        message,
        text=template.render(message.template, _values(message.set or [])),
        severity=template.severity or message.severity,
        language=template.language or message.language,
        template=None,
        set=None,
    )


def _refuse_changes(message: MessageOptions, template: Template) -> None:
    given = {
        "a text": message.text is not None,
        "--file": message.file is not None,
        "--variant": bool(message.variant),
        "--severity": template.severity is not None and message.severity not in (None, template.severity),
        "--language": template.language is not None and message.language not in (None, template.language),
    }
    if changed := [what for what, is_given in given.items() if is_given]:
        raise BadInput(
            "template.locked",
            f"{changed[0]} was given, and the wording of {message.template} is locked",
            "leave it out, or write the message without --template",
        )


def _values(given: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for word in given:
        field, equals, value = word.partition("=")
        if not equals:
            raise BadInput("template.set", f"{word[:40]!r} has no '='", '--set area="Hatzic"')
        if field in values:
            raise BadInput("template.twice", f"{field[:40]} is set twice", "set each field once")
        values[field] = value
    return values
