"""``onevoice officers``: list, add, designate, revoke, reinstate, rekey; what waits for a second officer."""

from __future__ import annotations

from typing import Annotated

import typer

from schemas.events.authority import Grant, Officer, Role
from schemas.events.control import Action, Confirm, Decline, Designate, OfficerAdd, Reinstate, Rekey, Revoke
from schemas.events.desk import AuthorityView
from schemas.events.proposals import ProposalView
from schemas.roles import DESIGNATES
from services.desk import confirm as asking_back
from services.desk import options, session
from services.desk.app import Invocation, command, group
from services.desk.authority import ask_authority, ask_officers, known_officer, order_people
from services.desk.session import Session
from services.desk.views.message import outcome
from services.desk.views.state import authority as views
from services.desk.views.state import city
from services.desk.views.timetext import moment
from services.desk.words import check_id, new_id, public_key, role_of
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit

app = group("See who holds which role; add, designate, revoke people.", "onevoice officers list")

OfficerId = Annotated[str, typer.Argument(metavar="OFFICER", help="The officer's id.")]
Key = Annotated[str, typer.Option("--key", metavar="KEY", help="The public key that signs, from onevoice enroll.")]
KeyOrPasskey = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="The public key from onevoice enroll; without it, a passkey.")
]
Login = Annotated[str | None, typer.Option("--login", metavar="KEY", help="The public key that logs in.")]
Until = Annotated[str | None, typer.Option("--until", metavar="T", help="Until when: 2d, 8h, 2026-01-31T18:00-08:00.")]
Profiles = Annotated[
    list[str] | None, typer.Option("--profile", metavar="PROFILE", help="For a publisher: which profiles; once each.")
]
RoleName = Annotated[
    str,
    typer.Option(
        "--role", metavar="R", help="cao, mcpe, pio, eoc_director, comms_office, designated, publisher or employee."
    ),
]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The proposal's number.", min=1)]


@command(app, "list", "onevoice officers list")
async def listing(desk: Invocation, as_: options.AsksAs = None) -> int:
    """List the officers and the roles that count now."""
    async with session.asking(desk, as_) as here:
        found = await ask_officers(here)
    desk.answer(
        [outcome.officer_json(view) for view in found], lambda out: city.officers(out, found, SystemClock().now())
    )
    return Exit.DONE


@command(
    app,
    "add",
    'onevoice officers add dana --name "Dana Cho" --key UB3... --login UDX... --role pio --as mcpe',
)
async def add(
    desk: Invocation,
    officer: OfficerId,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The person's name.")],
    role: RoleName,
    key: KeyOrPasskey = None,
    login: Login = None,
    until: Until = None,
    profile: Profiles = None,
    as_: options.ActsAs = None,
) -> int:
    """Propose a new officer, with the keys that onevoice enroll printed; another officer confirms.

    Compare the short code with the person, by telephone or in person, before you do. Without --key they sign in a
    browser alone: when they are confirmed, onevoice passkeys link makes the link for their passkey.
    """
    made = Officer(
        id=new_id(officer, "officer"),
        name=name,
        public_key=public_key(key, "--key") if key else None,
        login_key=public_key(login, "--login") if login else None,
        grants=(_grant(desk, role, until, profile),),
    )
    return await order_people(desk, as_, OfficerAdd(officer=made), officer)


@command(
    app,
    "designate",
    "onevoice officers designate clerk --role designated --until 2d --as mcpe\n"
    "onevoice officers designate clerk --role publisher --profile parks-townsquare --as cao",
)
async def designate(
    desk: Invocation,
    officer: OfficerId,
    role: RoleName,
    until: Until = None,
    profile: Profiles = None,
    as_: options.ActsAs = None,
) -> int:
    """Give an officer a role (only the cao and the mcpe designate, clause 2(ii)).

    For cao and mcpe another officer has to confirm it.
    """
    check_id(officer, "officer")
    return await order_people(desk, as_, Designate(officer=officer, grant=_grant(desk, role, until, profile)), officer)


@command(app, "revoke", "onevoice officers revoke clerk --as mcpe")
async def revoke(
    desk: Invocation,
    officer: OfficerId,
    as_: options.ActsAs = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, also for the last one who designates.")] = False,
) -> int:
    """Take all roles and the key of an officer back, at once; for a cao or mcpe another officer has to confirm it.

    The old key never counts again. onevoice officers reinstate brings the person back with a new one.
    """
    check_id(officer, "officer")

    async def unless_the_last(here: Session) -> Action:
        if not yes:
            await _ask_to_revoke(here, officer)
        return Revoke(officer=officer)

    return await order_people(desk, as_, unless_the_last, officer)


@command(app, "reinstate", "onevoice officers reinstate pio --key UB3... --login UDX... --as mcpe")
async def reinstate(
    desk: Invocation, officer: OfficerId, key: KeyOrPasskey = None, login: Login = None, as_: options.ActsAs = None
) -> int:
    """Propose to bring a revoked officer back, with a new key; another officer confirms.

    Without --key they sign in a browser alone, with a passkey that onevoice passkeys link brings. None of their earlier
    keys and passkeys counts again.
    """
    action = Reinstate(
        officer=check_id(officer, "officer"),
        public_key=public_key(key, "--key") if key else None,
        login_key=public_key(login, "--login") if login else None,
    )
    return await order_people(desk, as_, action, officer)


@command(app, "rekey", "onevoice officers rekey pio --key UB3... --login UDX... --as mcpe")
async def rekey(desk: Invocation, officer: OfficerId, key: Key, login: Login = None, as_: options.ActsAs = None) -> int:
    """Propose a new key for an officer, as after a lost laptop; another officer confirms."""
    action = Rekey(
        officer=check_id(officer, "officer"),
        public_key=public_key(key, "--key"),
        login_key=public_key(login, "--login") if login else None,
    )
    return await order_people(desk, as_, action, officer)


@command(app, "proposals", "onevoice officers proposals")
async def proposals(desk: Invocation, as_: options.AsksAs = None) -> int:
    """List the changes that wait until another officer confirms them."""
    async with session.asking(desk, as_) as here:
        found = (await ask_authority(here)).proposals
    desk.answer([views.proposal_json(one) for one in found], lambda out: views.proposals(out, found))
    return Exit.DONE


@command(app, "confirm", "onevoice officers confirm 41 --as pio")
async def confirm(desk: Invocation, proposal: Number, as_: options.ActsAs = None, yes: options.Yes = False) -> int:
    """Confirm a change that another officer proposed (cao, mcpe, pio, eoc_director)."""

    async def confirming(here: Session) -> Action:
        found = _proposal(await ask_authority(here), proposal)
        if not yes:
            await _ask_to_confirm(found)
        return Confirm(proposal=found.proposal, order=found.order)

    return await order_people(desk, as_, confirming, None)


@command(app, "decline", "onevoice officers decline 41 --as pio")
async def decline(desk: Invocation, proposal: Number, as_: options.ActsAs = None) -> int:
    """Turn a proposal down, or take your own back."""

    async def declining(here: Session) -> Action:
        found = _proposal(await ask_authority(here), proposal)
        return Decline(proposal=found.proposal, order=found.order)

    return await order_people(desk, as_, declining, None)


def _proposal(view: AuthorityView, number: int) -> ProposalView:
    found = next((one for one in view.proposals if one.proposal == number), None)
    if found is None:
        raise BadInput("proposal.unknown", f"no proposal {number} waits", "onevoice officers proposals")
    return found


async def _ask_to_confirm(found: ProposalView) -> None:
    if not asking_back.interactive():
        raise BadInput("confirm.needed", "this gives or takes power, and there is no terminal to ask on", "--yes")
    await asking_back.ask(f"{views.sentence(found.action)}. Confirm it? [y/N]")


async def _ask_to_revoke(here: Session, officer: str) -> None:
    """Ask on a terminal, and always about the last officer who may designate: after that only the root keys can."""
    found = await known_officer(here, officer)
    able = {
        view.officer.id
        for view in await ask_officers(here)
        if any(grant.role in DESIGNATES for grant in view.grants_now)
    }
    if found.revoked:
        return
    if able != {officer}:
        await asking_back.deed(f"The key of {officer} never counts again.", yes=False)
        return
    said = f"{officer} is the last one who may designate: after this nobody can give anybody a role"
    if not asking_back.interactive():
        raise BadInput("confirm.needed", said, "designate another cao or mcpe first, or give --yes")
    await asking_back.ask(f"{said}. Go on? [y/N]")


def _grant(desk: Invocation, role: str, until: str | None, profile: list[str] | None) -> Grant:
    chosen, profiles = role_of(role), profile or []
    if (chosen is Role.PUBLISHER) != bool(profiles):
        raise BadInput(
            "designate.profiles",
            "a publisher is designated for named profiles, and only a publisher",
            "--role publisher --profile PROFILE (once for each)",
        )
    return Grant(
        role=chosen,
        profiles=tuple(dict.fromkeys(check_id(one, "profile") for one in profiles)),
        valid_until=moment(until, SystemClock().now(), desk.city().zone, "until") if until is not None else None,
    )
