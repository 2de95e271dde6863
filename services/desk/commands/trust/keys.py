"""``onevoice keys``: list, inspect, make, rotate."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from schemas import flow, subjects
from schemas.events.control import Rekey
from services.desk import options, people, session
from services.desk.app import Invocation, command, group
from services.desk.authority import known_officer, say_waits
from services.desk.commands.trust.enroll import PassphraseFile
from services.desk.keys import agent, rotation
from services.desk.keys.code import short_code
from services.desk.keys.opening import ask_passphrase
from services.desk.keys.sealed import read_sealed, seal_seed
from services.desk.views.hints import typed
from services.desk.views.layout import table, table_width
from services.desk.words import check_id
from services.kernel.authority.signing import load_key, new_seed, write_key
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Exit

_RELOAD = "Outside of onevoice up: onevoice provision, reload the broker, then restart the service."
_RELOAD_FIRST = "Outside of onevoice up: reload the broker; then onevoice provision goes on with it."

app = group("See the keys that are here, and replace them.", "onevoice keys list")


@command(app, "list", "onevoice keys list")
def listing(desk: Invocation) -> int:
    """List the keys of people and systems in this folder: the public half, and how each is kept."""
    city = desk.city()
    held, seconds = agent.held(agent.socket_path())
    found = [_seen(path, held) for path in sorted(city.key_path("x").parent.glob("*.nk"))]

    def draw(out: Console) -> None:
        rows = table("key", "code", "kept")
        for one in found:
            rows.add_row(Text(one["name"]), Text(one["code"]), Text(one["kept"]))
        out.print(rows, width=table_width(out))
        if held:
            out.print(Text(f"The agent keeps {len(held)} open for {int(seconds // 60)} min more.", style="dim"))

    desk.answer(found, draw)
    return Exit.DONE


@command(app, "inspect", "onevoice keys inspect dana")
def inspect(
    desk: Invocation, name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key, as keys list names it.")]
) -> int:
    """Show one key: its public half, its code, its file and how it is kept. Never the private half."""
    city = desk.city()
    path = city.key_path(check_id(name.removesuffix(".login"), "officer")).with_name(f"{name}.nk")
    if not path.exists():
        raise BadInput("key.missing", f"there is no key at {path}", "onevoice keys list")
    one = _seen(path, agent.held(agent.socket_path())[0])
    lines = [("key", one["public_key"]), ("code", one["code"]), ("file", str(path)), ("mode", one["mode"])]
    lines += [("kept", one["kept"])]

    def draw(out: Console) -> None:
        for word, value in lines:
            out.print(Text(f"{word:<6}{value}"), soft_wrap=True)

    desk.answer(one, draw)
    return Exit.DONE


@command(app, "make", "onevoice keys make cao.nk")
def make(
    desk: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the new key goes, under a passphrase.")],
    passphrase_file: PassphraseFile = None,
) -> int:
    """Make a root key on your own machine, before there is a city; it takes one for each realm.

    onevoice init --root takes their public halves. Your desk gets them by onevoice enroll ID --from FILE --key KEYFILE.
    """
    if file.exists():
        raise BadInput("key.exists", f"there is {file} already; a key is never overwritten", "name another file")
    seed = new_seed()
    sealed = seal_seed(seed, ask_passphrase("A passphrase for the new key", twice=True, file=passphrase_file))
    try:
        write_key(file, sealed.to_bytes().strip())
    except OSError as error:
        raise BadInput("key.unwritable", f"cannot write {file}: {error.strerror}", "name another file") from error
    key = sealed.public_key
    code = short_code(key)
    lines = [f"key   {key}", f"code  {code}   read it out to whoever makes the city", f"Keep {file} with you alone."]
    desk.answer({"key": key, "code": code, "file": str(file)}, lambda out: out.print(Text("\n".join(lines))))
    return Exit.DONE


@command(app, "rotate", "onevoice keys rotate\nonevoice keys rotate --finish")
async def rotate(
    desk: Invocation,
    finish: Annotated[bool, typer.Option("--finish", help="Use the new keys, once they are confirmed.")] = False,
    service: Annotated[
        str | None,
        typer.Option("--service", metavar="SERVICE", help="A service's key, or provision's, where the city is."),
    ] = None,
    as_: options.ActsAs = None,
    passphrase_file: PassphraseFile = None,
) -> int:
    """Replace your own keys: make new ones and propose them; --finish uses them once another officer confirmed.

    With --service a service's key: under onevoice up it counts at once, else after onevoice provision, a reload of the
    broker and a restart of the service.
    That of audit seals from the moment that the root names it; --finish then puts it in its place.
    """
    city = desk.city()
    if service == "audit":
        return _audit(desk, city, finish=finish)
    if service is not None:
        key = _renewed(city, service)
        then = _RELOAD_FIRST if service == "provision" else _RELOAD
        said = typed(f"{service} has a new key. {then}")
        desk.answer({"service": service, "key": key}, lambda out: out.print(Text(said)))
        return Exit.DONE
    name = people.acting(as_, city)
    if finish:
        return await _finish(desk, city, name)
    passphrase = ask_passphrase("A passphrase for the new keys", twice=True, file=passphrase_file)
    new = rotation.prepare(city, name, passphrase)
    async with session.acting(desk, name) as here:
        action = Rekey(officer=name, public_key=new.public_key, login_key=new.login_key)
        reply = await here.order(subjects.DESK_REGISTRY_ORDER, action)
    made: dict[str, Any] = {"key": new.public_key, "login": new.login_key, "code": new.code}
    if reply.proposal is None:
        rotation.finish(city, name)
        desk.answer(made, lambda out: out.print(Text(f"The new keys of {name} are in force. Code {new.code}")))
        return Exit.DONE
    if not desk.as_json:
        desk.answer(made, lambda out: out.print(Text(f"New keys for {name}. Code {new.code}", style="bold")))
    say_waits(desk, reply.proposal, made)
    if not desk.as_json:
        desk.answer(made, lambda out: out.print(Text(typed("Then: onevoice keys rotate --finish"))))
    return Exit.BLOCKED


def _audit(desk: Invocation, city: City, *, finish: bool) -> int:
    """Make the next key that seals the record, or put it in place once the root has named it."""
    if finish:
        key = rotation.finish_audit(city)
        said = [typed(f"The new audit key is in place. {_RELOAD}")]
    else:
        key = rotation.prepare_audit(city)
        said = [f"The next audit key is {key}.", "It seals when the root names it:"]
        said += [
            typed(f"  onevoice root renew next.root --audit-key {key}"),
            typed("  onevoice root sign next.root --as OFFICER"),
        ]
        said += [
            typed("  onevoice root submit next.root --as OFFICER"),
            typed("  onevoice keys rotate --service audit --finish"),
        ]
    desk.answer({"service": "audit", "key": key}, lambda out: out.print(Text("\n".join(said)), soft_wrap=True))
    return Exit.DONE


def _renewed(city: City, service: str) -> str:
    """Give a service, or the provisioning user, a new key; return its public half."""
    if service != flow.PROVISION:
        return rotation.renew_service(city, service)
    from services.provision.accounts.accounts_file import renew_provision_key

    return renew_provision_key(city)


async def _finish(desk: Invocation, city: City, name: str) -> int:
    """Put the new keys in place if they are in force; asked with the new login key, as the old one is out by then."""
    waiting = rotation.waiting(city, name)
    with rotation.tried(city, name):
        async with session.acting(desk, name) as here:
            in_force = (await known_officer(here, name)).officer.public_key
    if in_force != waiting.public_key:
        raise BadInput("rotate.waits", "the new key is not confirmed yet", "onevoice officers proposals")
    rotation.finish(city, name)
    desk.answer(
        {"key": waiting.public_key, "code": waiting.code},
        lambda out: out.print(Text(f"The new keys of {name} are in place. Code {waiting.code}")),
    )
    return Exit.DONE


def _seen(path: Path, held: frozenset[str]) -> dict[str, str]:
    sealed = read_sealed(path)
    public = sealed.public_key if sealed else load_key(path).public_key
    kept = "with a passphrase" if sealed else "in clear"
    if public in held:
        kept += ", open in the agent"
    mode = f"{stat.S_IMODE(path.stat().st_mode):04o}"
    return {"name": path.stem, "public_key": public, "code": short_code(public), "kept": kept, "mode": mode}
