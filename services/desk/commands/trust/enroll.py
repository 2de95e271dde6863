"""``onevoice invite``, ``enroll``, ``unlock`` and ``lock``."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from services.desk import options, people
from services.desk.app import Invocation, command, group
from services.desk.connection.link import broker_url
from services.desk.keys import agent
from services.desk.keys.desk_folder import desk_for
from services.desk.keys.invitation import Enrolled, Invitation, invitation_of, read_invitation
from services.desk.keys.invitation import enroll as make_desk
from services.desk.keys.invitation import enroll_with as make_root_desk
from services.desk.keys.opening import ask_passphrase, key_paths
from services.desk.keys.rotation import next_paths
from services.desk.keys.sealed import SealedKey, read_sealed
from services.desk.new_file import write_new
from services.desk.views.hints import typed
from services.desk.views.timetext import duration
from services.desk.words import check_id
from services.kernel.base.errors import BadInput, Exit
from services.kernel.base.network.reach import check_broker, needs_authority

app = group("A person's own desk: keys and where the city is.")

LONGEST = timedelta(hours=24)
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", metavar="FILE", help="Its first line is the passphrase.")
]


@command(app, "invite", "onevoice invite mission.invitation --city mission --broker tls://nats.mission.example:4222")
def invite(
    desk: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the invitation.")],
    broker: Annotated[
        str | None, typer.Option("--broker", metavar="URL", help="The broker's address, as a laptop reaches it.")
    ] = None,
) -> int:
    """Write what a person's machine has to know of the city.

    All of it is public. Send it to the person by any way, and tell them the city's code by another: they compare it.
    """
    city = desk.city()
    check_broker(url := broker or broker_url(city))
    made = invitation_of(city, url)
    write_new(file, made.model_dump_json(indent=1).encode("utf-8") + b"\n", "invite")

    def draw(out: Console) -> None:
        out.print(Text(f"The invitation to {made.city} is in {file}. The broker is {made.broker}."), soft_wrap=True)
        out.print(Text(f"The city's code: {made.code()}", style="bold"))
        if not needs_authority(made.broker):
            out.print(Text("Only this machine reaches that broker. For others: --broker tls://..."), soft_wrap=True)
        line = typed(f"On the person's machine: onevoice enroll ID --from {shlex.quote(file.name)}")
        out.print(Text(line), soft_wrap=True)

    desk.answer({"file": str(file), "code": made.code(), "broker": made.broker}, draw)
    return Exit.DONE


@command(
    app,
    "enroll",
    "onevoice enroll dana --from mission.invitation\nonevoice enroll cao --from mission.invitation --key cao.nk",
)
def enroll(
    desk: Invocation,
    name: Annotated[str, typer.Argument(metavar="ID", help="Your id as an officer, or that of the system.")],
    invitation: Annotated[Path, typer.Option("--from", metavar="FILE", help="The invitation that the city sent.")],
    system: Annotated[bool, typer.Option("--system", help="Keys for a program that submits: no passphrase.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="The desk folder; else in ~/.config/onevoice.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="The root key that you hold; none is made. Once for each realm."),
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> int:
    """Make your desk on your own machine: keys, and the city.

    Your private keys never leave this machine. What is printed is public: send it to the city, and read the code out.
    """
    read = read_invitation(invitation)
    check_id(name, "officer")
    place = folder or desk_for(read.city)
    if key is not None:
        if system:
            raise BadInput("enroll.key", "a system holds no root key", "leave out --key, or --system")
        return _say_root(desk, read, make_root_desk(read, place, name, desk.realm, key), name)
    passphrase = None if system else ask_passphrase("A new passphrase", twice=True, file=passphrase_file)
    made = make_desk(read, place, name, desk.realm, passphrase, system=system)
    return _say_enrolled(desk, read, made, name, system=system)


def _say_enrolled(desk: Invocation, read: Invitation, made: Enrolled, name: str, *, system: bool) -> int:
    what = "systems add" if system else "officers add"
    more = "" if system else f" --login {made.login_key} --role ROLE"
    add = typed(f'onevoice {what} {name} --name "NAME" --key {made.public_key}{more}')
    rekey = (
        None if system else typed(f"onevoice officers rekey {name} --key {made.public_key} --login {made.login_key}")
    )

    def draw(out: Console) -> None:
        out.print(Text(f"Your desk for {read.city} (realm {desk.realm}) is in {made.folder}."), soft_wrap=True)
        out.print(Text(f"The city's code: {read.code()}   compare it with what the city told you"), soft_wrap=True)
        out.print(Text(f"Your code:       {made.code}   read it out to whoever adds you", style="bold"), soft_wrap=True)
        if rekey is None:
            out.print(Text("Send this line to the cao or the mcpe; nothing in it is secret:"))
        else:
            out.print(Text("Send one of these lines to the cao or the mcpe; nothing in them is secret."))
            out.print(Text("Where you are an officer already (named when the city was made, or your key is lost):"))
            out.print(Text(f"  {rekey}"), soft_wrap=True)
            out.print(Text("Where you are new:"))
        out.print(Text(f"  {add}"), soft_wrap=True)

    said = {
        "folder": str(made.folder),
        "key": made.public_key,
        "login": made.login_key,
        "code": made.code,
        "city_code": read.code(),
        "add": add,
        "rekey": rekey,
    }
    desk.answer(said, draw)
    return Exit.DONE


def _say_root(desk: Invocation, read: Invitation, made: Enrolled, name: str) -> int:
    then = typed(f"onevoice eoc status --as {name}")

    def draw(out: Console) -> None:
        out.print(Text(f"Your desk for {read.city} (realm {desk.realm}) is in {made.folder}."), soft_wrap=True)
        out.print(Text(f"The city's code: {read.code()}   compare it with what the city told you"), soft_wrap=True)
        out.print(Text(f"Your code:       {made.code}   the city knows this key: nothing is to be sent", style="bold"))
        out.print(Text(f"Next: {then}"), soft_wrap=True)

    said = {"folder": str(made.folder), "key": made.public_key, "code": made.code, "city_code": read.code()}
    desk.answer(said | {"login": None, "add": None, "rekey": None}, draw)
    return Exit.DONE


@command(app, "unlock", "onevoice unlock --for 8h")
def unlock(
    desk: Invocation,
    lasting: Annotated[str, typer.Option("--for", metavar="TIME", help="For how long: 8h, 30m; at most 24h.")] = "8h",
    as_: options.ActsAs = None,
    passphrase_file: PassphraseFile = None,
) -> int:
    """Keep your keys open for a shift.

    The passphrase is asked for once. An agent in the background signs with them and gives them to nobody; onevoice lock
    ends it.
    """
    city = desk.city()
    name = people.acting(as_, city)
    time = duration(lasting, "for")
    if not timedelta(0) < time <= LONGEST:
        raise BadInput("unlock.time", f"{lasting} is not a time up to 24h", "--for 8h")
    files = dict.fromkeys((*key_paths(city, name), *next_paths(city, name)))
    sealed = [one for one in map(read_sealed, files) if one is not None]
    if not sealed:
        raise BadInput("unlock.nothing", f"no key of {name} here has a passphrase", "onevoice keys list")
    passphrase = ask_passphrase(f"Passphrase of {name}", file=passphrase_file)
    agent.start(agent.socket_path(), _opened(sealed, passphrase), time.total_seconds())
    said = Text(typed(f"The keys of {name} are open for {lasting}. onevoice lock closes them."))
    desk.answer({"officer": name, "seconds": int(time.total_seconds())}, lambda out: out.print(said))
    return Exit.DONE


def _opened(sealed: list[SealedKey], passphrase: str) -> list[bytes]:
    """Open what the passphrase opens: new keys that wait may have another one than the old."""
    seeds, fault = [], None
    for one in sealed:
        try:
            seeds.append(one.open(passphrase))
        except BadInput as error:
            fault = error
    if fault is not None and not seeds:
        raise fault
    return seeds


@command(app, "lock", "onevoice lock")
def lock(desk: Invocation) -> int:
    """Close the keys that onevoice unlock opened."""
    path = agent.socket_path()
    keys, _ = agent.held(path)
    agent.ask(path, {"lock": True})
    said = Text("Your keys are locked." if keys else "No key was open.")
    desk.answer({"closed": len(keys)}, lambda out: out.print(said))
    return Exit.DONE
