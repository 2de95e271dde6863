"""Asking back: the more people a message reaches, the more deliberate the answer has to be."""

from __future__ import annotations

from rich.console import Console

from services.desk.output import errors_console, interactive
from services.kernel.base.errors import BadInput

DECLINED = BadInput("confirm.declined", "stopped: nothing was sent", "")


def question(profiles: int, scope: str, incident: str | None) -> tuple[str, frozenset[str]]:
    """Return what is asked before publishing, and the answers that mean yes; pure.

    One profile: y. Several: their number. All departments: ``yes`` and their number, or the incident's name.
    """
    if scope == "all-departments":
        sure = f"yes {profiles}"
        named = f' or the incident\'s name, "{incident}"' if incident else ""
        answers = {sure, incident.casefold()} if incident else {sure}
        return f'This goes to all {profiles} departmental profiles. Type "{sure}"{named}', frozenset(answers)
    if profiles > 1:
        return f"This goes to {profiles} profiles. Type {profiles} to go on", frozenset({str(profiles)})
    return "Go on? [y/N]", frozenset({"y", "yes"})


def ask(prompt: str, answers: frozenset[str]) -> None:
    """Ask a person, on standard error so that standard output stays the result.

    Raises:
        BadInput: ``confirm.declined``.
    """
    try:
        said = errors_console().input(f"{prompt}: ", markup=False)
    except EOFError as error:
        raise DECLINED from error
    if " ".join(said.split()).casefold() not in answers:
        raise DECLINED


def publishing(console: Console, *, yes: bool, profiles: int, scope: str, incident: str | None, findings: int) -> None:
    """Have a person confirm, and acknowledge what screening found.

    Raises:
        BadInput: ``confirm.needed`` where nobody can be asked, ``confirm.declined``.
    """
    if yes:
        return
    if not interactive():
        raise BadInput(
            "confirm.needed",
            "this publishes, and there is no terminal to ask on; nothing was sent",
            "--yes confirms, and acknowledges what screening found",
        )
    if findings:
        console.print("Read what screening found: your signature says that you accept it.", style="yellow")
        ask(f"Accept {findings} finding{'s' if findings > 1 else ''}? [y/N]", frozenset({"y", "yes"}))
    ask(*question(profiles, scope, incident))
