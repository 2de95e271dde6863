"""``onevoice profiles seal``: the credentials of a realm, sealed with a key that lies elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from services.desk import confirm, options
from services.desk.app import Invocation
from services.desk.views.hints import typed
from services.kernel.base.errors import Exit

if TYPE_CHECKING:
    from services.desk.connect.sealing import SealedFolder

SEAL_EXAMPLE = "onevoice profiles seal --key file:/etc/onevoice/credentials.key"


async def seal(
    desk: Invocation,
    key: Annotated[
        str, typer.Option("--key", metavar="REF", help="Where the key is: file:/path, env:NAME, exec:/path WORDS.")
    ],
    yes: options.Yes = False,
) -> int:
    """Seal the profiles' credentials with a key that lies elsewhere; a key's file is made if it is missing.

    Afterwards a copy of the city folder posts nowhere. The fan-out has to reach the key by the same reference: its unit
    sees a file below /etc, a container only what is mounted. Another key seals all anew. Exit status 2 when one of the
    files could not be sealed: its old key stays named.
    """
    from services.desk.connect.sealing import seal_all

    city = desk.city()
    await confirm.deed("Without that key no profile can be posted to: keep a copy of it elsewhere.", yes=yes)
    done = seal_all(city, key)
    desk.answer(
        {
            "sealed": list(done.sealed),
            "elsewhere": list(done.elsewhere),
            "failed": dict(done.failed),
            "key_made": done.made,
        },
        lambda out: _draw(out, done, key),
    )
    return Exit.USAGE if done.failed else Exit.DONE


def _draw(out: Console, done: SealedFolder, key: str) -> None:
    if done.made:
        out.print(Text(f"A key was made: {key.removeprefix('file:')} (mode 0600). Keep a copy of it elsewhere."))
    out.print(Text(f"{len(done.sealed)} files are sealed, {len(done.elsewhere)} say where their credential is."))
    for name, why in done.failed:
        out.print(Text(f"{name} is not sealed anew: {why}", style="red"))
    out.print(Text(_reach(key), style="yellow"))
    out.print(Text(typed("The services read them at once, without a restart: onevoice profiles check"), style="dim"))


def _reach(key: str) -> str:
    """Return what the fan-out needs, without which it posts nothing any more."""
    kind, _, name = key.partition(":")
    if kind == "env":
        return f"The fan-out needs {name} in its own environment, or it posts nothing."
    if kind == "exec":
        return f"The fan-out runs this command itself: where {name.split()[0]} is not there for it, it posts nothing."
    return f"The fan-out needs {name} where it runs: in a container it has to be mounted, or nothing is posted."
