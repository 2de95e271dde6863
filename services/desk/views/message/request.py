"""How requests, verdicts and deliveries look to people: at most 80 columns, plain without colour.

Texts of messages are never read as markup: whatever a request says is shown as it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from schemas import fingerprint
from schemas.events.desk import DeliveryView, PreviewReply, RequestView
from schemas.events.requests import Act, Rendering, Request, ScreeningFinding
from schemas.events.verdicts import FindingOutcome, Outcome, Verdict
from schemas.platforms import length_on
from services.desk.views.hints import typed
from services.desk.views.languages import name_of
from services.desk.views.layout import WIDTH, table, table_width, width
from services.desk.views.message import difference, outcome, unconfirmed
from services.desk.views.message.advice import reach
from services.desk.views.message.waiting import HOLD_CLAUSE
from services.desk.views.output import print_json
from services.desk.views.timetext import in_city_time, local

if TYPE_CHECKING:
    from services.desk.app import Invocation

VERDICT_STYLE = {Outcome.CLEARED: "bold green", Outcome.BLOCKED: "bold yellow", Outcome.REFUSED: "bold red"}
_FINDING_STYLE = {
    FindingOutcome.SATISFIED: "green",
    FindingOutcome.BLOCKED: "yellow",
    FindingOutcome.REFUSED: "red",
    FindingOutcome.NOTED: "dim",
}
RETURNED_CLAUSE = "returned"
"""The finding that a new revision mends (services.gatekeeper.policy.clauses.returned)."""

_DELIVERY_STYLE = {"delivered": "green", "queued": "dim", "posting": "cyan", "recalled": "green", "task": "bold yellow"}


def rendering(shown: Rendering) -> Panel:
    """Return one platform's content in a frame: the parts, their length, links and pictures with their alt text."""
    content = shown.content()
    lines: list[RenderableType] = []
    if content.answers:
        lines.append(Text(f"answers: {content.answers}", style="bold"))
    for number, part in enumerate(content.parts, 1):
        if len(content.parts) > 1:
            said = f", {name_of(content.languages[number - 1])}" if content.languages else ""
            lines.append(
                Text(
                    f"part {number} of {len(content.parts)}, {length_on(shown.platform, part)} characters{said}",
                    style="dim",
                )
            )
        lines.append(Text(part))
    if content.link and not any(content.link in part for part in content.parts):
        lines.append(Text(f"link: {content.link}", style="dim"))
    whole = "\n\n".join(content.parts)
    for picture in content.pictures:
        said = "a card with these words" if picture.alt == whole else picture.alt
        lines.append(Text(f"picture: {said}", style="dim"))
    count = sum(length_on(shown.platform, part) for part in content.parts)
    several = dict.fromkeys(content.languages or content.together or ())
    names = [name_of(one) for one in several or filter(None, (content.language,))]
    language = f", {' and '.join(names) if len(names) < 3 else f'{len(names)} languages'}" if names else ""
    return Panel(
        Group(*lines),
        title=Text(f"{shown.platform}, {count} characters{language}"),
        title_align="left",
        width=WIDTH,
        padding=(0, 1),
    )


def message(
    console: Console,
    renderings: tuple[Rendering, ...],
    targets: tuple[str, ...],
    scope: str,
    screening: tuple[ScreeningFinding, ...],
) -> None:
    """Show what each platform gets, where it goes, and what screening found."""
    for shown in renderings:
        panel = rendering(shown)
        panel.width = width(console)
        if console.is_dumb_terminal:  # it draws no boxes
            console.print(panel.title, width=panel.width)
            console.print(Padding(panel.renderable, (0, 0, 0, 2)), width=panel.width)
        else:
            console.print(panel)
    console.print(Text(f"To {reach(len(targets), scope)}: {', '.join(targets)}"), width=width(console))
    if screening:
        console.print(Text("Screening found:", style="yellow"))
        for found in screening:
            where = f" ({found.where})" if found.where else ""
            line = Text(f"{found.code}: {found.reason}{where} [{found.clause}]")
            console.print(Padding(line, (0, 0, 0, 2)), width=width(console))
    else:
        console.print(Text("Screening found nothing.", style="dim"))


def preview(console: Console, reply: PreviewReply, now: datetime, promised: datetime | None) -> None:
    """Show what a submission would become; ``promised`` is when its next update is due by its author's word."""
    message(console, reply.renderings, reply.targets, reply.scope, reply.screening)
    if reply.not_before is None:
        console.print(Text(f"It is posted until {local(reply.expires_at, now)}, not after.", style="dim"))
    else:
        when = f"It goes out at {local(reply.not_before, now)}, or not at all after {local(reply.expires_at, now)}."
        console.print(Text(when, style="bold"), width=width(console))
    if promised is not None:
        console.print(Text(f"It promises the next update by {local(promised, now)}.", style="dim"))
    _said_to_end(console, reply.renderings)
    _words(console, reply)


def _words(console: Console, shown: Request | PreviewReply) -> None:
    """Show the four words that another device shows for the same message, and for no other."""
    console.print(
        Text("Words: ").append(fingerprint.words_of(shown), style="bold"), Text("(compare them)", style="dim")
    )


def _said_to_end(console: Console, renderings: tuple[Rendering, ...]) -> None:
    """Say what the website does with a message whose author gave an end."""
    if renderings and renderings[0].content().expires is not None:
        console.print(Text("The website says then that it is no longer in force.", style="dim"))


def request_head(console: Console, request: Request, now: datetime) -> None:
    """Show who asked for what, when, and until when."""
    kind = "crisis content" if request.crisis else "routine content"
    kind += f", severity {request.severity}" if request.severity else ", no severity"
    number = f", revision {request.revision}" if request.revision > 1 else ""
    console.print(Text(f"Request {request.request_id}{number}", style="bold"), Text(f"by {request.author}, {kind}"))
    line = f"submitted {local(request.at, now)} in posture {request.submitted_posture}"
    console.print(Text(f"{line}; ends {local(request.expires_at, now)}", style="dim"), width=width(console))
    if request.next_update is not None:
        console.print(Text(f"promises the next update by {local(request.next_update, now)}", style="dim"))
    if request.not_before is not None:
        console.print(Text(f"scheduled for {local(request.not_before, now)}", style="bold"))


DOES: dict[Act, str] = {
    "correct": "It corrects {}, which is posted no more.",
    "update": "It adds to {}.",
    "recall": "It takes {} back; its text stands only where nothing can be deleted.",
    "all_clear": "It ends {}.",
    "repost": "It shows {} again.",
}


def whole_request(
    console: Console, request: Request, now: datetime, earlier: Request | None = None, previous: Request | None = None
) -> None:
    """Show a request with what each platform gets, where it goes, and what screening found.

    ``earlier``: the one that it follows, ``previous``: the revision before; the difference to each is shown.
    """
    request_head(console, request, now)
    if request.act is not None:
        line = DOES[request.act].format(request.earlier)
        console.print(Text(line, style="bold"), width=width(console))
        if earlier is not None:
            difference.show(console, earlier, request)
        console.print(Text(typed(f"To see it: onevoice history {request.earlier}"), style="dim"))
    if previous is not None:
        difference.show(console, previous, request)
    message(console, request.renderings, request.targets, request.scope, request.screening)
    _said_to_end(console, request.renderings)
    _words(console, request)


def verdict(console: Console, found: Verdict | None) -> None:
    """Show a verdict and each clause's finding."""
    if found is None:
        console.print(Text("No verdict yet.", style="yellow"))
        return
    console.print(
        Text(found.outcome.value.upper(), style=VERDICT_STYLE[found.outcome]),
        Text(f"in posture {found.posture.value}, at control revision {found.control_seq}", style="dim"),
    )
    _findings(console, found)


def _findings(console: Console, found: Verdict) -> None:
    rows = table("clause", "finding", "reason")
    for finding in found.findings:
        style = _FINDING_STYLE[finding.outcome]
        rows.add_row(Text(finding.clause), Text(finding.outcome.value, style=style), Text(in_city_time(finding.reason)))
    if found.findings:
        console.print(rows, width=table_width(console))


def deliveries(console: Console, views: tuple[DeliveryView, ...]) -> None:
    """Show what happened on each profile; an address that does not fit on the line goes below it, uncut."""
    names = max((len(item.profile) for item in views), default=0)
    labels = [unconfirmed.label(item) for item in views]
    outcomes = max(map(len, labels), default=0)
    for item, label in zip(views, labels, strict=True):
        line = Text(f"{item.profile:<{names}}  ")
        line.append(f"{label:<{outcomes}}", style=_DELIVERY_STYLE.get(label, "red"))
        where = item.url or waiting_for(item)
        fits = len(line) + 2 + len(where) <= width(console)
        line.append(f"{'  ' if fits else chr(10) + '    '}{where}" if where else "")
        console.print(line, soft_wrap=True)
        if item.url and item.reason:  # it stands, and is less than was asked for, or other
            console.print(Text(f"    {in_city_time(item.reason)}", style="dim"), soft_wrap=True)


def waiting_for(item: DeliveryView) -> str:
    """Return why a profile's post is not out, and when it is tried again."""
    if item.retry_at is None:
        return in_city_time(item.reason)
    return f"{in_city_time(item.reason) or 'it waits'}, until {local(item.retry_at, item.retry_at)}"


def result(console: Console, view: RequestView) -> None:
    """Show what became of a request: the outcome, what to do next, the deliveries, and at the end the clauses."""
    if view.withdrawn:
        console.print(Text("WITHDRAWN", style="bold red"), Text("what was not posted by then is not posted"))
    elif view.verdict is None:
        console.print(Text("No verdict yet.", style="yellow"))
    else:
        console.print(Text(word_of(view).upper(), style=VERDICT_STYLE[view.verdict.outcome]))
    if view.replaced_by is not None:
        said = typed(f"{view.replaced_by} corrects it or takes it back: onevoice show {view.replaced_by}")
        console.print(Text(said, style="bold yellow"), width=width(console))
    for line in next_steps(view):
        console.print(Text(line), width=width(console))
    deliveries(console, view.deliveries)
    for letter in view.dead_letters:
        said = f"{letter.service} could not handle it: {in_city_time(letter.reason)} "
        said += typed(f"(onevoice dead show {letter.letter})")
        console.print(Text(said, style="red"), width=width(console))
    what_to_type(console, view)
    if view.verdict is not None:
        console.print(Text(f"Why, clause by clause (posture {view.verdict.posture.value}):", style="dim"))
        _findings(console, view.verdict)


def word_of(view: RequestView) -> str:
    """Return the verdict in a word; what waits for its time alone is scheduled."""
    if view.verdict is None:
        return "none yet"
    return "scheduled" if outcome.scheduled(view) else view.verdict.outcome.value


def what_to_type(console: Console, view: RequestView) -> None:
    """Show what to do about each unconfirmed or failed post: whole lines, so that they can be copied."""
    for line in (*unconfirmed.lines(view), *unconfirmed.left(view)):
        console.print(Text(line, style="bold"), soft_wrap=True)


def report(desk: Invocation, console: Console, view: RequestView) -> int:
    """Print what became of a request, and return the exit status for having wanted it published."""
    if desk.as_json:
        print_json(outcome.request_json(view))
    else:
        console.print(Text(f"Request {view.request.request_id}", style="bold"))
        result(console, view)
    return outcome.exit_status(view)


def next_steps(view: RequestView) -> list[str]:
    """Return what a person may do next; pure."""
    request_id, found = view.request.request_id, view.verdict
    if found is None or view.withdrawn:
        return []
    if found.outcome is Outcome.BLOCKED:
        blocking = [one for one in found.findings if one.outcome is FindingOutcome.BLOCKED]
        if outcome.scheduled(view):
            return [
                *(in_city_time(one.reason) for one in blocking),
                typed(f"To take it back: onevoice withdraw {request_id}"),
            ]
        reasons = [f"It waits: {in_city_time(one.reason)} [{one.clause}]" for one in blocking]
        if blocking and all(one.clause == HOLD_CLAUSE for one in blocking):
            return [*reasons, typed("To let posts go again: onevoice hold off --as OFFICER")]
        if any(one.clause == RETURNED_CLAUSE for one in blocking):
            return reasons
        return [*reasons, typed(f"To approve it: onevoice approve {request_id} --as OFFICER")]
    if found.outcome is Outcome.REFUSED:
        refusing = [one for one in found.findings if one.outcome is FindingOutcome.REFUSED]
        return [
            *(f"{in_city_time(one.reason)} [{one.clause}]" for one in refusing),
            "This is final; make a new request instead.",
        ]
    count, asked = outcome.delivered(view), len(set(outcome.wanted(view)))
    done = "Taken back on" if view.request.act == "recall" else "Delivered to"
    line = f"{done} {count} of {asked} profile{'s' if asked != 1 else ''}."
    if not outcome.settled(view):
        return [line, typed(f"To follow the rest: onevoice status {request_id} --watch")]
    return [line]
