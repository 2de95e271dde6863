"""Who holds which role: listing, designating, revoking."""

from __future__ import annotations

from rich.text import Text

from schemas import subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import Action, Designate, Revoke
from schemas.events.desk import BoardQuery, OfficerView
from services.desk import outcome, people, show
from services.desk.app import Invocation
from services.desk.flows.eoc import told_who
from services.desk.flows.orders import send
from services.desk.link import Link, connect, run
from services.desk.output import console, print_json
from services.desk.timetext import local, moment
from services.desk.words import check_id
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit


def listing(invocation: Invocation, given: str | None) -> int:
    """List the officers and the roles that count now."""

    async def work() -> int:
        city = invocation.city()
        asker = people.asking(city, given)
        told_who(invocation, asker)
        async with connect(city, asker) as link:
            views = await _officers(link)
        _print(invocation, views)
        return Exit.DONE

    return run(work)


def designate(
    invocation: Invocation, given: str | None, officer: str, role: str, profiles: list[str], until: str | None
) -> int:
    """Give an officer a role, for named profiles (publisher), until a time."""
    check_id(officer, "officer")
    chosen = role_of(role)
    if (chosen is Role.PUBLISHER) != bool(profiles):
        raise BadInput(
            "designate.profiles",
            "a publisher is designated for named profiles, and only a publisher",
            "--role publisher --profile PROFILE (once for each)",
        )
    grant = Grant(
        role=chosen,
        profiles=tuple(dict.fromkeys(check_id(profile, "profile") for profile in profiles)),
        valid_until=moment(until, SystemClock().now(), None, "until") if until is not None else None,
    )
    return _order(invocation, given, officer, Designate(officer=officer, grant=grant))


def revoke(invocation: Invocation, given: str | None, officer: str) -> int:
    """Take all roles and the key of an officer back."""
    return _order(invocation, given, officer, Revoke(officer=check_id(officer, "officer")))


def role_of(word: str) -> Role:
    """Return a role by its name, with hyphens or underscores; raises BadInput ``role.unknown``."""
    try:
        return Role(word.strip().lower().replace("-", "_"))
    except ValueError as error:
        names = ", ".join(role.value for role in Role)
        raise BadInput("role.unknown", f"there is no role {word[:40]!r}", f"the roles are {names}") from error


def _order(invocation: Invocation, given: str | None, officer: str, action: Action) -> int:
    async def work() -> int:
        city, by = invocation.city(), people.acting(given)
        async with connect(city, by) as link:
            await _known(link, officer, action)
            reply = await send(invocation, link, subjects.DESK_REGISTRY_ORDER, by, action)
            views = tuple(view for view in await _officers(link) if view.officer.id == officer)
        if invocation.as_json:
            print_json(outcome.officer_json(views[0]) | {"control_seq": reply.control_seq})
        else:
            _print(invocation, views)
            console().print(Text(f"In force since control revision {reply.control_seq}.", style="dim"))
        return Exit.DONE

    return run(work)


async def _known(link: Link, officer: str, action: Action) -> None:
    """Look whether the officer and the profiles exist; raises BadInput ``officer.unknown``, ``profile.unknown``."""
    if officer not in {view.officer.id for view in await _officers(link)}:
        raise BadInput("officer.unknown", f"there is no officer {officer!r}", "onevoice officers list shows them")
    wanted = action.grant.profiles if isinstance(action, Designate) else ()
    if wanted:
        there = {profile.id for profile in (await link.board(BoardQuery(query="profiles"))).profiles or ()}
        missing = next((profile for profile in wanted if profile not in there), None)
        if missing is not None:
            raise BadInput("profile.unknown", f"there is no profile {missing!r}", "onevoice profiles list shows them")


async def _officers(link: Link) -> tuple[OfficerView, ...]:
    return (await link.board(BoardQuery(query="officers"))).officers or ()


def _print(invocation: Invocation, views: tuple[OfficerView, ...]) -> None:
    if invocation.as_json:
        print_json([outcome.officer_json(view) for view in views])
        return
    now = SystemClock().now()
    rows = show.table("officer", "name", "roles", "until")
    for view in views:
        roles = "REVOKED" if view.revoked else ", ".join(grant.role.value for grant in view.grants_now) or "none"
        ends = [grant.valid_until for grant in view.grants_now if grant.valid_until is not None]
        until = local(min(ends), now) if ends else "-"
        rows.add_row(Text(view.officer.id), Text(view.officer.name), Text(roles), Text(until))
    out = console()
    out.print(rows, width=show.width(out))
