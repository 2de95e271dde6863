"""The official profiles: listing, checking, sanctioning, suspending."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import asdict

from pydantic import ValidationError
from rich.text import Text

from schemas import subjects
from schemas.events.authority import Profile
from schemas.events.control import Action, ProfileAdd, ProfileSuspend
from schemas.events.desk import BoardQuery, OrderReply
from services.desk import outcome, people, show
from services.desk.app import Invocation
from services.desk.flows.eoc import told_who
from services.desk.flows.orders import send
from services.desk.flows.platforms import unwilling
from services.desk.health import Finding
from services.desk.link import Link, connect, run
from services.desk.output import console, print_json
from services.desk.words import check_id
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Exit, describe

WEBSITE = "website"
"""The one platform that needs no credential: the city's own site."""


def listing(invocation: Invocation, given: str | None) -> int:
    """List the profiles."""
    profiles = _all(invocation, given)
    if invocation.as_json:
        print_json([outcome.profile_json(profile) for profile in profiles])
        return Exit.DONE
    rows = show.table("profile", "department", "platform", "official")
    for profile in profiles:
        official = "yes" if profile.official else "NO"
        rows.add_row(Text(profile.id), Text(profile.department), Text(profile.platform), official)
    out = console()
    out.print(rows, width=show.width(out))
    return Exit.DONE


def check(invocation: Invocation, given: str | None) -> int:
    """Check each profile's sanction, statements and credential, and ask its platform; 2 when one fails."""
    city = invocation.city()
    profiles = _all(invocation, given)
    objections = asyncio.run(unwilling(city, city.settings.city.website, profiles))
    found = [examine(city, profile, objections.get(profile.id)) for profile in profiles]
    if invocation.as_json:
        print_json([asdict(one) | {"problems": list(one.problems)} for one in found])
    else:
        _print(found)
    return Exit.DONE if all(one.ok for one in found) else Exit.USAGE


def add(invocation: Invocation, given: str | None, fields: dict[str, object]) -> int:
    """Sanction a profile, or change what is known of it."""
    try:
        profile = Profile.model_validate(fields)
    except ValidationError as error:
        raise BadInput("profile.invalid", describe(error), "onevoice profiles add --help") from error
    return _order(invocation, given, ProfileAdd(profile=profile), profile.id)


def suspend(invocation: Invocation, given: str | None, profile: str) -> int:
    """Take the sanction of a profile back: nothing is posted to it any more."""
    return _order(invocation, given, ProfileSuspend(profile=check_id(profile, "profile")), profile)


def examine(city: City, profile: Profile, objection: str | None = None) -> Finding:
    """Return what keeps a profile from being posted to: section 1, Transparency (i); its credential; its platform."""
    problems = [] if profile.official else ["not sanctioned by the office"]
    statements = ("purpose", "identification", "disclosure")
    problems += [f"the {name} statement is missing" for name in statements if not getattr(profile, name).strip()]
    if profile.platform != WEBSITE:
        problems += token_problems(city, profile.id)
    if objection is not None:
        problems.append(objection)
    return Finding(profile.id, not problems, tuple(problems))


def token_problems(city: City, profile: str) -> list[str]:
    """Return what is wrong with a profile's credential file."""
    path = city.token_path(profile)
    try:
        mode, size = stat.S_IMODE(path.stat().st_mode), path.stat().st_size
    except OSError as error:
        return [f"no credential at {path}: {error.strerror}"]
    problems = [f"{path} can be read by others: chmod 600 {path}"] if mode & 0o077 else []
    return problems + ([f"{path} is empty"] if size == 0 else [])


def _all(invocation: Invocation, given: str | None) -> tuple[Profile, ...]:
    found: list[Profile] = []

    async def work() -> int:
        city = invocation.city()
        asker = people.asking(city, given)
        told_who(invocation, asker)
        async with connect(city, asker) as link:
            found.extend(await _ask(link))
        return Exit.DONE

    run(work)
    return tuple(found)


async def _ask(link: Link) -> tuple[Profile, ...]:
    return (await link.board(BoardQuery(query="profiles"))).profiles or ()


def _order(invocation: Invocation, given: str | None, action: Action, profile_id: str) -> int:
    async def work() -> int:
        city, by = invocation.city(), people.acting(given)
        async with connect(city, by) as link:
            known = {profile.id for profile in await _ask(link)}
            if isinstance(action, ProfileSuspend) and profile_id not in known:
                raise BadInput("profile.unknown", f"there is no profile {profile_id!r}", "onevoice profiles list")
            reply: OrderReply = await send(invocation, link, subjects.DESK_REGISTRY_ORDER, by, action)
            now = next(profile for profile in await _ask(link) if profile.id == profile_id)
        if invocation.as_json:
            print_json(outcome.profile_json(now) | {"control_seq": reply.control_seq})
            return Exit.DONE
        state = "official" if now.official else "suspended"
        out = console()
        out.print(Text(f"{now.id} is {state} since control revision {reply.control_seq}."))
        if now.official:
            out.print(
                Text("It is posted to from now on; nothing is to be restarted. onevoice profiles check", style="dim")
            )
        return Exit.DONE

    return run(work)


def _print(found: list[Finding]) -> None:
    rows = show.table("profile", "", "what to mend")
    for one in found:
        state = Text("ok", style="green") if one.ok else Text("FAIL", style="bold red")
        rows.add_row(Text(one.id), state, Text("; ".join(one.problems)))
    out = console()
    out.print(rows, width=show.width(out))
