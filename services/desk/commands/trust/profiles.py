"""``onevoice profiles``: list, check, rehearse, connect, seal, add, suspend, remove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.authority import Profile
from schemas.events.control import Action, ProfileAdd, ProfileRemove, ProfileSuspend
from schemas.events.desk import BoardQuery
from services.desk import completion, confirm, deadline, options, sent, session
from services.desk.app import Invocation, command, group
from services.desk.city import wall
from services.desk.city.platforms import ANSWER_SECONDS, AT_ONCE, answers_of
from services.desk.city.profile_check import NO_CREDENTIAL, budgets_by_profile, examine, keeps_credentials
from services.desk.commands.trust import profiles_limits
from services.desk.commands.trust.profiles_connect import CONNECT_EXAMPLE, connect
from services.desk.commands.trust.profiles_seal import SEAL_EXAMPLE, seal
from services.desk.session import Session
from services.desk.views.hints import typed
from services.desk.views.message import outcome
from services.desk.views.output import note
from services.desk.views.state import city as shown
from services.desk.words import check_id
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, Refused, describe

if TYPE_CHECKING:
    from services.fanout.connectors.contract import Health

app = group("See and check the official profiles.", "onevoice profiles check")

ProfileId = Annotated[
    str, typer.Argument(metavar="PROFILE", help="The profile's id.", autocompletion=completion.profiles)
]


@command(app, "list", "onevoice profiles list --json")
async def listing(desk: Invocation, as_: options.AsksAs = None) -> int:
    """List the profiles."""
    async with session.asking(desk, as_) as here:
        found = await _profiles(here)
    desk.answer([outcome.profile_json(profile) for profile in found], lambda out: shown.profiles(out, found))
    return Exit.DONE


@command(app, "check", "onevoice profiles check")
async def check(
    desk: Invocation,
    as_: options.AsksAs = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write into city.toml what servers take, where that is less.")
    ] = False,
) -> int:
    """Check each profile's sanction and statements; where the city runs, its credential and its platform too.

    Exit status 2 when one of them could not be posted to. Messages are made for what city.toml says of Mastodon's
    servers, and for Mastodon's own limits where it says nothing; --write adds what a server says of itself.
    """
    async with session.asking(desk, as_) as here:
        profiles, city = await _profiles(here), here.city
        budgets = budgets_by_profile((await here.eoc()).services)
    deadline.allow(ANSWER_SECONDS * (1 + len(profiles) // AT_ONCE))
    here_alone = {profile.id: examine(city, profile) for profile in profiles}
    # A platform would only say once more what was found here.
    sound = tuple(profile for profile in profiles if here_alone[profile.id].ok)
    answers: dict[str, Health] = {}
    if keeps_credentials(city):
        answers = await answers_of(city, city.settings.city.website, sound)
    elif not write:
        note("The credentials are not here: neither they nor the platforms were looked at. Run it where the city runs.")
    found = [examine(city, one, answers.get(one.id), budgets.get(one.id)) for one in profiles]
    findings = [asdict(one) | {"problems": list(one.problems), "remarks": list(one.remarks)} for one in found]
    desk.answer(findings, lambda out: shown.profile_findings(out, found))
    if write:
        profiles_limits.write(city, sound, answers)
    return Exit.DONE if all(one.ok for one in found) else Exit.USAGE


@command(app, "rehearse", "onevoice profiles rehearse --all --realm exercise --as pio")
async def rehearse(
    desk: Invocation,
    profiles: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROFILE]...", help="The profiles of the exercise.", autocompletion=completion.profiles
        ),
    ] = None,
    everywhere: Annotated[bool, typer.Option("--all", help="All official profiles that are accounts.")] = False,
    as_: options.ActsAs = None,
    yes: options.Yes = False,
) -> int:
    """Post on practice accounts, read it back and delete it.

    Realm exercise only. The post says that it is a rehearsal. Exit status 5 when something was posted and not all
    worked; when nothing was posted, 6 when platforms did not answer, else 2.
    """
    if desk.city().realm != "exercise":
        hint = "name the exercise: --realm exercise; onevoice profiles check looks at live profiles without posting"
        raise Refused("rehearsal.live", "a rehearsal passes no gate: never on the city's own profiles", hint)
    if bool(profiles) == everywhere:
        raise BadInput("rehearsal.profiles", "name profiles, or --all", "onevoice profiles rehearse --help")
    from services.desk.city import rehearsal
    from services.desk.views.state import rehearsal as rehearsed

    async with session.acting(desk, as_) as here:
        known, city, view = await _profiles(here), here.city, await here.eoc()
    if (why := rehearsal.why_refused(view)) is not None:
        raise Refused("rehearsal.not_now", f"nothing is rehearsed now: {why}", "onevoice eoc status --realm exercise")
    chosen = _to_rehearse(city, known, profiles)
    seen_here = {one.id: examine(city, one) for one in chosen}
    unsound = {name: "; ".join(one.problems) for name, one in seen_here.items() if not one.ok}
    async with rehearsal.opened(city) as tools:
        await confirm.deed(rehearsed.question(len(chosen), rehearsal.staying(tools, chosen)), yes=yes)
        deadline.allow(rehearsal.LONGEST * (1 + len(chosen) // rehearsal.AT_ONCE))
        sent.note_sent()
        found = await rehearsal.rehearse(tools, chosen, unsound, SystemClock().now(), _tell_posted)
    left_out = [one.id for one in known if one.official and one.platform in NO_CREDENTIAL] if everywhere else []
    desk.answer(
        [rehearsed.rehearsed_json(one) for one in found], lambda out: rehearsed.rehearsals(out, found, left_out)
    )
    return rehearsed.exit_status(found)


command(app, "connect", CONNECT_EXAMPLE)(connect)
command(app, "seal", SEAL_EXAMPLE)(seal)


@command(
    app,
    "add",
    "onevoice profiles add library-townsquare --department library --platform mastodon \\\n"
    "         --account library@townsquare --purpose 'News of the library.' \\\n"
    "         --identification 'Maintained by the City.' --disclosure 'Write to us.' --as mcpe",
)
async def add(
    desk: Invocation,
    profile: ProfileId,
    department: Annotated[str, typer.Option("--department", metavar="D", help="Its department.")],
    platform: Annotated[
        str,
        typer.Option(
            "--platform",
            metavar="P",
            help="website, mastodon, bluesky, facebook, x, email, ...",
        ),
    ],
    account: Annotated[str, typer.Option("--account", metavar="A", help="The account on the platform.")],
    purpose: Annotated[str, typer.Option("--purpose", metavar="TEXT", help="What the profile is for.")],
    identification: Annotated[
        str, typer.Option("--identification", metavar="TEXT", help="That the city maintains it.")
    ],
    disclosure: Annotated[str, typer.Option("--disclosure", metavar="TEXT", help="The disclosure statement.")],
    departmental: Annotated[
        bool, typer.Option("--departmental/--city-wide", help="A department's, or the city's own.")
    ] = True,
    as_: options.ActsAs = None,
) -> int:
    """Sanction a profile, or change what is known of it."""
    try:
        added = Profile(
            id=profile,
            department=department,
            platform=platform,
            account=account,
            purpose=purpose,
            identification=identification,
            disclosure=disclosure,
            departmental=departmental,
        )
    except ValidationError as error:
        raise BadInput("profile.invalid", describe(error), "onevoice profiles add --help") from error
    return await _order(desk, as_, ProfileAdd(profile=added), added.id)


@command(app, "suspend", "onevoice profiles suspend parks-townsquare --as mcpe")
async def suspend(desk: Invocation, profile: ProfileId, as_: options.ActsAs = None, yes: options.Yes = False) -> int:
    """Take the sanction of a profile back: nothing is posted to it any more."""
    action = ProfileSuspend(profile=check_id(profile, "profile"))
    return await _order(desk, as_, action, profile, "" if yes else f"Nothing is posted to {profile} any more.")


@command(app, "remove", "onevoice profiles remove parks-townsquare --as mcpe")
async def remove(desk: Invocation, profile: ProfileId, as_: options.ActsAs = None, yes: options.Yes = False) -> int:
    """Strike a profile off the list, for good. What was posted to it stays where it is, and on record."""
    action = ProfileRemove(profile=check_id(profile, "profile"))
    return await _order(desk, as_, action, profile, "" if yes else f"This strikes {profile} off the list.")


def _to_rehearse(city: City, known: Sequence[Profile], named: list[str] | None) -> tuple[Profile, ...]:
    """Return the profiles to rehearse on; none of them is a live account."""
    by_id = {one.id: one for one in known}
    for name in named or ():
        if name not in by_id:
            raise BadInput("profile.unknown", f"there is no profile {name!r}", "onevoice profiles list")
        if by_id[name].platform in NO_CREDENTIAL:
            what = f"{name} is no account: {by_id[name].platform} has nothing to rehearse"
            raise BadInput("rehearsal.no_account", what, "onevoice profiles check")
    every = (one for one in known if one.official and one.platform not in NO_CREDENTIAL)
    chosen = tuple(by_id[name] for name in dict.fromkeys(named)) if named else tuple(every)
    if not chosen:
        raise BadInput("rehearsal.no_account", "no official profile is an account", "onevoice profiles list")
    wall.refuse_shared(city)
    wall.refuse_live(city, chosen)
    return chosen


def _tell_posted(profile: str, url: str) -> None:
    note(f"{profile}: posted{' at ' + url if url else ''}")


async def _profiles(here: Session, at_least: int | None = None) -> tuple[Profile, ...]:
    return (await here.board(BoardQuery(query="profiles", at_least=at_least))).profiles or ()


async def _order(desk: Invocation, as_: str | None, action: Action, profile_id: str, ask: str = "") -> int:
    async with session.acting(desk, as_) as here:
        known = {profile.id for profile in await _profiles(here)}
        if not isinstance(action, ProfileAdd) and profile_id not in known:
            raise BadInput("profile.unknown", f"there is no profile {profile_id!r}", "onevoice profiles list")
        await confirm.deed(ask, yes=not ask)
        reply = await here.order(subjects.DESK_REGISTRY_ORDER, action)
        now = next((one for one in await _profiles(here, reply.control_seq) if one.id == profile_id), None)

    def draw(out: Console) -> None:
        state = "not on the list" if now is None else "official" if now.official else "suspended"
        since = f"since control revision {reply.control_seq}." if reply.changed else f"already. {outcome.NOT_WRITTEN}"
        out.print(Text(f"{profile_id} is {state} {since}"))
        if now is not None and now.official:
            out.print(
                Text(typed("It can be posted to at once, without a restart: onevoice profiles check"), style="dim")
            )

    said = {"id": profile_id, "removed": True} if now is None else outcome.profile_json(now)
    desk.answer(said | {"control_seq": reply.control_seq, "changed": reply.changed}, draw)
    return Exit.DONE
