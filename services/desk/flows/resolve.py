"""Deciding on an unconfirmed post: signed here, carried out by fanout, followed to its end."""

from __future__ import annotations

from pydantic import ValidationError

from schemas import subjects
from schemas.events.desk import DeliveryView, RequestView, ResolutionReply
from schemas.events.resolutions import DecisionName, Resolution, post_url
from services.desk import confirm, people, show, statements, unconfirmed
from services.desk.app import Invocation
from services.desk.asked import Choice, Manner
from services.desk.flows.publish import report
from services.desk.follow import carried_out, fetch, follow, landing
from services.desk.link import connect, run
from services.desk.output import interactive, people_console
from services.desk.timetext import duration
from services.desk.words import check_id
from services.kernel.authority.signing import load_key
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Refused

TWICE = "If the first post stands after all, the message will stand twice. Post it again? [y/N]"


def resolve(invocation: Invocation, beginning: str, profile: str, choice: Choice, manner: Manner) -> int:
    """Say what becomes of an unconfirmed post, and follow the message to its end."""
    check_id(beginning, "request")
    check_id(profile, "profile")
    decision, url = decision_of(choice)
    wait = duration(manner.wait, "wait.malformed")

    async def work() -> int:
        city, officer = invocation.city(), people.acting(manner.officer)
        out = people_console(invocation.as_json)
        async with connect(city, officer) as link:
            view = await fetch(link, beginning)
            item = unconfirmed_on(view, profile)
            if decision == "post_again" and not manner.yes and interactive():
                show.deliveries(out, (item,))
                confirm.ask(TWICE, frozenset({"y", "yes"}))
            signed = _signed(invocation, city, officer, view, item, decision, url)
            reply = await link.ask(subjects.DESK_DELIVERY_RESOLVE, signed, ResolutionReply)
            view = await carried_out(link, reply)
            with landing(out, 0) as look:
                view = await follow(link, reply.request_id, 0, wait.total_seconds(), look)
        return report(invocation, out, view)

    return run(work)


def decision_of(choice: Choice) -> tuple[DecisionName, str | None]:
    """Return what was decided, and the address with ``--posted``; pure.

    Raises:
        BadInput: ``resolve.choice`` unless exactly one was given, ``url.invalid``.
    """
    given = [choice.posted is not None, choice.post_again, choice.give_up]
    if sum(given) != 1:
        said = "nothing was decided" if not any(given) else "more than one decision was given"
        raise BadInput(
            "resolve.choice",
            said,
            "look at the profile, then give one of --posted URL, --post-again and --give-up",
        )
    if choice.posted is None:
        return ("post_again" if choice.post_again else "give_up"), None
    try:
        return "posted", post_url(choice.posted)
    except ValueError as error:
        raise BadInput(
            "url.invalid", f"{error}", "copy the post's own address from the browser, as in https://..."
        ) from error


def unconfirmed_on(view: RequestView, profile: str) -> DeliveryView:
    """Return the unconfirmed delivery of a request on a profile; pure.

    Raises:
        BadInput: ``profile.not_a_target``.
        Refused: ``resolution.nothing_unconfirmed``, with what stands instead.
    """
    request = view.request
    if profile not in request.targets:
        raise BadInput(
            "profile.not_a_target",
            f"{profile} is not a target of {request.request_id}",
            f"it goes to {', '.join(request.targets[:6])}{' ...' if len(request.targets) > 6 else ''}",
        )
    item = next((one for one in view.deliveries if one.profile == profile), None)
    if item is not None and item in unconfirmed.of(view):
        return item
    stands = unconfirmed.standing(item) if item else "nothing was posted there yet"
    others = ", ".join(one.profile for one in unconfirmed.of(view))
    raise Refused(
        "resolution.nothing_unconfirmed",
        f"nothing of {request.request_id} on {profile} is unconfirmed: {stands}",
        f"unconfirmed is {others}" if others else f"onevoice status {request.request_id}",
    )


def _signed(
    invocation: Invocation,
    city: City,
    officer: str,
    view: RequestView,
    item: DeliveryView,
    decision: DecisionName,
    url: str | None,
) -> Resolution:
    try:
        return statements.resolution(
            load_key(city.key_path(officer)),
            view.request,
            realm=invocation.realm,
            officer=officer,
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
