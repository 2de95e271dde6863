"""``onevoice resolve``: signed here, carried out by fanout, followed to its end."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError

from schemas import subjects
from schemas.events.desk import BoardQuery, DeliveryView, RequestView, ResolutionReply
from schemas.events.resolutions import DecisionName, Resolution, post_url
from schemas.platforms import MIRROR
from services.desk import confirm, options, session, statements
from services.desk.app import Invocation, command, group
from services.desk.connection.follow import carried_out, fetch, follow, landing
from services.desk.session import Session
from services.desk.views.message import request as show
from services.desk.views.message import unconfirmed
from services.desk.views.message.request import report
from services.desk.views.output import people_console
from services.desk.views.timetext import duration
from services.desk.words import check_id
from services.kernel.authority.statements import signed
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Refused

app = group("Decide on a post that may be out or not.")

TWICE = "If the first post is out after all, the message will appear twice. Post it again? [y/N]"
ANEW = "The message's page on the website is written anew. Go on? [y/N]"
RECALL = "It counts as your word that nothing is left there; a notice of the recall may appear twice. Go on? [y/N]"

_EXAMPLE = """
onevoice resolve rab12 fire-townsquare --as pio \\
         --posted https://social.example/@fire/114
onevoice resolve rab12 fire-townsquare --as pio --post-again
onevoice resolve rab12 city-alerts --as pio --done
"""


@command(app, "resolve", _EXAMPLE)
async def resolve(
    desk: Invocation,
    request_id: options.RequestId,
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="The profile whose post is unconfirmed.")],
    posted: Annotated[
        str | None, typer.Option("--posted", metavar="URL", help="It is out: its address on the platform.")
    ] = None,
    post_again: Annotated[
        bool, typer.Option("--post-again", help="It is not out: post it once more, by all the usual rules.")
    ] = False,
    give_up: Annotated[bool, typer.Option("--give-up", help="Leave it as it is, and do not post it any more.")] = False,
    done: Annotated[bool, typer.Option("--done", help="A task (onevoice tasks) is done as it says.")] = False,
    as_: options.ActsAs = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Confirm that it may appear twice (--post-again).")] = False,
    wait: options.Wait = "60s",
) -> int:
    """Decide on a post that may be out or not.

    A post is unconfirmed when the platform could not say how it ended. Look at the profile (for website-mirror at the
    message's page on the city's website), then say what you found; your signature goes on record. A task of onevoice
    tasks is confirmed with --done. Give exactly one of --posted, --done, --post-again and --give-up. The exit status
    is that of the message: 0 delivered everywhere, 3 blocked, 5 partly.

    Of a recall delete by hand what is left. --post-again then has it made once more, and ends it also where no program
    can tell whether anything is there: that is your word.
    """
    check_id(request_id, "request")
    check_id(profile, "profile")
    decision, url = decision_of(posted, post_again, give_up, done)
    seconds, talk = duration(wait, "wait.malformed").total_seconds(), people_console(desk.as_json)
    async with session.acting(desk, as_) as here:
        view = await fetch(here.link, request_id)
        item = unconfirmed_on(view, profile)
        if done:
            url = await _place(here, item)
        if decision == "post_again":
            show.deliveries(talk, (item,))
            await confirm.releasing(*asked(view, item), confirm.YES, yes)
        signed = _signed(here, view, item, decision, url)
        reply = await here.link.ask(subjects.DESK_DELIVERY_RESOLVE, signed, ResolutionReply)
        view = await carried_out(here.link, reply)
        with landing(talk, 0) as look:
            view = await follow(here.link, reply.request_id, 0, seconds, look)
    return report(desk, talk, view)


def asked(view: RequestView, item: DeliveryView) -> tuple[str, str]:
    """Return what having it posted again does, and what is asked before; pure."""
    if view.request.act == "recall" and item.profile != MIRROR:
        return "this takes a message back once more", RECALL
    return "this posts a message once more", ANEW if item.profile == MIRROR else TWICE


def decision_of(
    posted: str | None = None, post_again: bool = False, give_up: bool = False, done: bool = False
) -> tuple[DecisionName, str | None]:
    """Return what was decided, and the address with ``--posted``; of what is ``done`` the profile has it. Pure.

    Raises:
        BadInput: ``resolve.choice`` unless exactly one was given, ``url.invalid``.
    """
    given = [posted is not None, post_again, give_up, done]
    if sum(given) != 1:
        said = "nothing was decided" if not any(given) else "more than one decision was given"
        raise BadInput(
            "resolve.choice",
            said,
            "look at the profile, then give one of --posted URL, --done (a task), --post-again and --give-up",
        )
    if done:
        return "posted", None
    if posted is None:
        return ("post_again" if post_again else "give_up"), None
    try:
        return "posted", post_url(posted)
    except ValueError as error:
        raise BadInput(
            "url.invalid", f"{error}", "copy the post's own address from the browser, as in https://..."
        ) from error


async def _place(here: Session, item: DeliveryView) -> str:
    """Return where a task was done: the address that its profile names."""
    if not unconfirmed.by_hand(item):
        raise Refused(
            "resolution.no_task",
            f"{item.profile} is no task: nobody knows whether the post is out there",
            "look at the profile, and give the post's own address: --posted URL",
        )
    profiles = (await here.board(BoardQuery(query="profiles"))).profiles or ()
    return next(one.account for one in profiles if one.id == item.profile)


def unconfirmed_on(view: RequestView, profile: str) -> DeliveryView:
    """Return the unconfirmed delivery of a request on a profile; pure.

    Raises:
        BadInput: ``profile.not_a_target``.
        Refused: ``resolution.nothing_unconfirmed``, with what is there instead.
    """
    request = view.request
    if profile not in (*request.targets, MIRROR):
        raise BadInput(
            "profile.not_a_target",
            f"{profile} is not a target of {request.request_id}",
            f"it goes to {', '.join(request.targets[:6])}{' ...' if len(request.targets) > 6 else ''}",
        )
    item = next((one for one in view.deliveries if one.profile == profile), None)
    if item is not None and item in unconfirmed.of(view):
        return item
    now = unconfirmed.state(item) if item else "nothing was posted there yet"
    others = ", ".join(one.profile for one in unconfirmed.of(view))
    raise Refused(
        "resolution.nothing_unconfirmed",
        f"nothing of {request.request_id} on {profile} is unconfirmed: {now}",
        f"unconfirmed is {others}" if others else f"onevoice status {request.request_id}",
    )


def _signed(
    here: Session, view: RequestView, item: DeliveryView, decision: DecisionName, url: str | None
) -> Resolution:
    try:
        statement = statements.resolution_statement(
            view.request,
            realm=here.realm,
            officer=here.user,
            profile=item.profile,
            receipt_seq=item.receipt_seq,
            choice=decision,
            url=url,
            now=SystemClock().now(),
        )
    except ValidationError as error:  # an older board names no receipt
        raise Refused(
            "service.unreadable",
            "the board does not say which receipt is unconfirmed: is it of another version?",
            "run the same version of onevoice everywhere; onevoice doctor shows the services' versions",
        ) from error
    return statements.resolved(statement, signed(here.signer, statement))
