"""Asking back: the more people a message reaches, the more deliberate the answer has to be."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence

from rich.console import Console

from services.desk.deadline import while_a_person_thinks
from services.desk.options import SigningManner
from services.desk.views.output import errors_console
from services.kernel.base.errors import BadInput

DECLINED = BadInput("confirm.declined", "stopped: nothing was sent", "")
TERMINAL = "/dev/tty"
YES = frozenset({"y", "yes"})


def interactive(piped: bool = False) -> bool:
    """True when a person can be asked: standard input and one of the outputs are terminals.

    ``piped``: the text came over standard input; then the terminal itself is asked, where there is one.
    """
    if not piped:
        return sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty())
    try:
        with open(TERMINAL, "rb"):
            return True
    except OSError:
        return False


def question(profiles: int, scope: str, incident: str | None) -> tuple[str, frozenset[str]]:
    """Return what is asked before publishing, and the answers that mean yes; pure.

    One profile: y. Several: their number. All departments: ``yes`` and their number, or the incident's name.
    """
    if scope == "all-departments":
        sure = f"yes {profiles}"
        named = f' or the incident\'s name, "{incident}"' if incident else ""
        answers = {sure, incident.casefold()} if incident else {sure}
        return f'This goes to all {profiles} departmental profiles. Type "{sure}"{named}', frozenset(answers)
    if profiles > 1:
        return f"This goes to {profiles} profiles. Type {profiles} to go on", frozenset({str(profiles)})
    return "Go on? [y/N]", YES


async def ask(prompt: str, answers: frozenset[str] = YES, piped: bool = False) -> None:
    """Ask a person, on standard error so that standard output stays the result.

    The answer is read in a thread: the connection stays alive while a person thinks, and Ctrl-C ends the command at
    once, so that nothing typed after it can be taken for an answer.

    Raises:
        BadInput: ``confirm.declined``.
    """
    with while_a_person_thinks():
        said = await asyncio.get_running_loop().run_in_executor(None, _read, prompt, piped)
    if " ".join(said.split()).casefold() not in answers:
        raise DECLINED


def _read(prompt: str, piped: bool) -> str:
    """Return the line that a person types; empty at the end of input."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is for the main thread
    if piped:
        with open(TERMINAL, "w", encoding="utf-8") as out, open(TERMINAL, encoding="utf-8", errors="replace") as typed:
            out.write(f"{prompt}: ")
            out.flush()
            return typed.readline()
    console = errors_console()
    console.print(f"{prompt}: ", markup=False, end="")
    console.file.flush()
    return sys.stdin.readline()


async def screening(console: Console, codes: Sequence[str], manner: SigningManner, piped: bool = False) -> None:
    """Have a person say that they accept what screening found; ``--yes`` does not say so, ``--acknowledge`` does.

    Raises:
        BadInput: ``screening.unacknowledged`` where nobody can be asked, ``confirm.declined``.
    """
    if not codes or manner.acknowledge:
        return
    if manner.yes or not interactive(piped):
        raise BadInput(
            "screening.unacknowledged",
            f"screening found {', '.join(codes)}, and you did not say that you accept it; nothing was sent or signed",
            "read what it found (--dry-run, or onevoice show); --acknowledge says that you saw and accept it",
        )
    console.print("Read what screening found: your signature says that you accept it.", style="yellow")
    await ask(f"Accept {', '.join(codes)}? [y/N]", piped=piped)


async def publishing(
    manner: SigningManner, *, profiles: int, scope: str, incident: str | None, piped: bool = False
) -> None:
    """Have a person confirm a message; raises as ``releasing``."""
    prompt, answers = question(profiles, scope, incident)
    await releasing("this publishes", prompt, answers, manner.yes, piped=piped)


async def signing(what: str, yes: bool) -> None:
    """Have a person confirm what was shown before they sign it, as nobody signs it unread; raises as ``releasing``."""
    prompt = f"{what}. Compare each code with the key's owner, by telephone. Sign it? [y/N]"
    await releasing(what, prompt, YES, yes, hint="compare the codes; --yes confirms")


async def releasing(
    what: str, prompt: str, answers: frozenset[str], yes: bool, *, piped: bool = False, hint: str = "--yes confirms"
) -> None:
    """Have a person confirm what lets words out, or gives power; nothing is sent or signed in silence.

    Raises:
        BadInput: ``confirm.needed`` where nobody can be asked, ``confirm.declined``.
    """
    if yes:
        return
    if not interactive(piped):
        said = f"{what}, and there is no terminal to ask on; nothing was sent or signed"
        raise BadInput("confirm.needed", said, hint)
    await ask(prompt, answers, piped=piped)


async def deed(what: str, yes: bool) -> None:
    """Ask on a terminal before something that is not easily undone; a program is not asked.

    Raises:
        BadInput: ``confirm.declined``.
    """
    if not yes and interactive():
        await ask(f"{what} Go on? [y/N]")
