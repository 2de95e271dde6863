"""``onevoice template``: the wordings that were agreed on beforehand."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from services.desk.app import Invocation, command, group
from services.desk.message import templates
from services.desk.message.templates import Template
from services.desk.views.hints import typed
from services.desk.views.layout import table, width
from services.kernel.base.errors import BadInput, Exit

app = group("See the wordings that were agreed on beforehand.", "onevoice template show evacuation-alert")


@command(app, "list", "onevoice template list")
def list_(desk: Invocation) -> int:
    """List the templates in the city folder, and the fields of each."""
    folder = desk.city().templates_folder
    rows = [_row(name, desk) for name in templates.names(folder)]

    def draw(out: Console) -> None:
        if not rows:
            out.print(Text(typed("There are no templates. The usual ones: onevoice template install")))
            return
        shown = table("template", "severity", "fields", "what it says")
        for row in rows:
            fields = ", ".join(row["fields"])
            shown.add_row(Text(row["name"]), Text(row["severity"] or ""), Text(fields), Text(row["summary"]))
        out.print(shown, width=width(out))
        out.print(Text(typed("To read one: onevoice template show NAME"), style="dim"))

    desk.answer(rows, draw)
    return Exit.DONE


@command(app, "show", "onevoice template show evacuation-alert")
def show(desk: Invocation, name: Annotated[str, typer.Argument(metavar="NAME", help="The template.")]) -> int:
    """Show a template's wording, and how to publish it."""
    template = templates.load(desk.city().templates_folder, name)

    def draw(out: Console) -> None:
        out.print(Text(template.summary, style="bold"), width=width(out))
        out.print(Text(f"\n{template.text}\n"), width=width(out))
        for field, meaning in template.fields.items():
            out.print(Text(f"  {field}: {meaning}"), width=width(out))
        out.print(Text(f"severity {template.severity or 'as you say'}, language {template.language or 'as guessed'}"))
        out.print(Text("To publish it:", style="dim"))
        out.print(Text(f"  {_example(name, template)}"), soft_wrap=True)

    desk.answer(_json(name, template), draw)
    return Exit.DONE


@command(app, "install", "onevoice template install")
def install(desk: Invocation) -> int:
    """Put the usual templates into the city folder. Those that are there already stay as they are."""
    from services.provision import write_templates

    folder = desk.city().templates_folder
    try:
        made = write_templates(folder)
    except OSError as error:
        raise BadInput("template.unwritable", f"{folder}: {error.strerror}", "check the folder's owner") from error
    desk.answer({"made": made}, lambda out: out.print(Text(f"Made: {', '.join(made) or 'none, all are there'}")))
    return Exit.DONE


def _row(name: str, desk: Invocation) -> dict[str, Any]:
    """Return a template for the list; one that cannot be used says why, and keeps the others from nobody."""
    try:
        return _json(name, templates.load(desk.city().templates_folder, name))
    except BadInput as error:
        why = f"cannot be used: {error.message}"
        return {"name": name, "summary": why, "severity": None, "language": None, "fields": {}, "text": None}


def _json(name: str, template: Template) -> dict[str, Any]:
    return {
        "name": name,
        "summary": template.summary,
        "severity": template.severity,
        "language": template.language,
        "fields": template.fields,
        "text": template.text,
    }


def _example(name: str, template: Template) -> str:
    fields = [f"--set {field}={shlex.quote('...')}" for field in template.fields]
    words = ["onevoice publish --template", shlex.quote(name), *fields, "--to PROFILE --link URL --as OFFICER"]
    return typed(" ".join(words))
