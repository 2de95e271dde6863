"""Options that several commands share, with their help; sets of them are dataclasses that ``app.command`` spreads out.

Light: the standard library and Typer only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from services.desk import completion

ActsAs = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="OFFICER",
        help="Who does this, with their key (or ONEVOICE_AS).",
        autocompletion=completion.officers,
    ),
]
LooksAs = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="OFFICER",
        help="Whose key asks; else doctor's, or the first officer's in the city folder.",
        autocompletion=completion.officers,
    ),
]
AsksAs = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="OFFICER",
        help="Whose key asks; else the first officer's key in the city folder.",
        autocompletion=completion.officers,
    ),
]
_REQUEST = typer.Argument(
    metavar="ID",
    help="The request; an unambiguous beginning of its id is enough.",
    autocompletion=completion.requests,
)
RequestId = Annotated[str, _REQUEST]
RequestIdOrAll = Annotated[str | None, _REQUEST]
Wait = Annotated[
    str, typer.Option("--wait", metavar="TIME", help="How long to wait for the posts to land: 60s, 5m, 0s.")
]
WaitForAnswer = Annotated[
    str, typer.Option("--wait", metavar="TIME", help="How long to wait for how it went: 15s, 1m, 0s.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Confirm, without being asked.")]
Acknowledge = Annotated[
    bool, typer.Option("--acknowledge", help="You saw what screening found, and accept it; --yes does not say so.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be posted where, and send nothing.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it goes on record.")]
Incident = Annotated[str, typer.Option("--incident", metavar="NAME", help="The incident's name.")]


@dataclass(frozen=True)
class MessageOptions:
    """A message to publish or to request, as it was typed; ``services.desk.message.draft`` checks it."""

    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="What to say; - reads it from standard input.")
    ] = None
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="A file with what to say, in UTF-8.")] = (
        None
    )
    all_departments: Annotated[
        bool, typer.Option("--all-departments", help="All official departmental profiles (crisis or EOC only).")
    ] = False
    edit: Annotated[bool, typer.Option("--edit", help="Write the text in $VISUAL or $EDITOR.")] = False
    and_city: Annotated[
        bool | None,
        typer.Option("--and-city/--no-and-city", help="With --all-departments: the city's own profiles too, or not."),
    ] = None
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to",
            metavar="PROFILE",
            help="A profile to post to; once for each.",
            autocompletion=completion.profiles,
        ),
    ] = None
    link: Annotated[
        str | None, typer.Option("--link", metavar="URL", help="The page on the city's site to link to.")
    ] = None
    image: Annotated[
        list[Path] | None, typer.Option("--image", metavar="FILE", help="A picture (up to four); each needs --alt.")
    ] = None
    alt: Annotated[
        list[str] | None, typer.Option("--alt", metavar="TEXT", help="What a picture shows, in the order of --image.")
    ] = None
    crisis: Annotated[
        bool | None,
        typer.Option("--crisis/--routine", help="Whether it is about the crisis; yes unless the posture is routine."),
    ] = None
    severity: Annotated[
        str | None, typer.Option("--severity", metavar="S", help="minor, moderate, severe or extreme.")
    ] = None
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="When it ends: 4h, 2d, 18:00 or 2026-01-31T18:00-08:00."),
    ] = None
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help="When to post it, or 5 minutes after at most: 2026-01-31T18:00, or in 90m."
        ),
    ] = None
    next_update: Annotated[
        str | None,
        typer.Option("--next-update", metavar="TIME", help="By when you promise to say more: [notify] reminds of it."),
    ] = None
    language: Annotated[
        str | None, typer.Option("--language", metavar="CODE", help="Its language, if not as the preview says: pa, fr.")
    ] = None
    lang: Annotated[
        list[str] | None,
        typer.Option("--lang", metavar="CODE=TEXT", help="The same in another language: pa=TEXT; once for each."),
    ] = None
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", metavar="PLATFORM=TEXT", help="Another text for one platform; once for each."),
    ] = None
    template: Annotated[
        str | None, typer.Option("--template", metavar="NAME", help="A wording from onevoice template list.")
    ] = None
    set: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Fill a field of the template; once for each."),
    ] = None
    event_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="An id of your own: a repeat with the same id is the same request."),
    ] = None


MANY = ("all_departments", "and_city")
"""The options of a message that mean nothing where it goes to the profiles of another message, or to one."""


@dataclass(frozen=True)
class Manner:
    """How to go about it: who, whether to ask back, how long to wait."""

    officer: ActsAs = None
    yes: Yes = False
    wait: Wait = "60s"


@dataclass(frozen=True)
class RequestManner(Manner):
    """How to go about a request: also whether to send it at all, and whether it takes another one's place."""

    dry_run: DryRun = False
    revise: Annotated[
        str | None,
        typer.Option("--revise", metavar="ID", help="Put this in place of a request that waits, as its next revision."),
    ] = None


@dataclass(frozen=True)
class SigningManner(Manner):
    """How to go about what is signed: also whether what screening found is accepted."""

    acknowledge: Acknowledge = False


@dataclass(frozen=True)
class PublishManner(SigningManner):
    """How to go about a new message: also whether to send it at all."""

    dry_run: DryRun = False
