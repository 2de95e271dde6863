"""Who is asked while a credential is got, and what is known at its end."""

from __future__ import annotations

import getpass
import sys
import threading
import webbrowser
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from services.desk.confirm import interactive
from services.desk.deadline import while_a_person_thinks
from services.desk.views.output import errors_console
from services.kernel.base.errors import BadInput


@dataclass(frozen=True)
class Access:
    """A credential, whose account it opens, what it may do, and until when (None: it does not end by itself).

    ``may`` has the platform's own names of the rights; empty where a platform names none. ``remarks`` are sentences.
    ``renews`` is what the fan-out renews it with, where the platform gave something for that.
    """

    credential: str = field(repr=False)
    account: str
    may: tuple[str, ...] = ()
    expires: datetime | None = None
    remarks: tuple[str, ...] = ()
    renews: str = field(default="", repr=False)


class Person(Protocol):
    """Somebody who answers, and opens an address in a browser."""

    def ask(self, what: str, *, secret: bool = False) -> str:
        """Return an answer, without blanks around it; raises BadInput ``connect.no_answer`` where there is none."""
        ...

    def show(self, text: str) -> None:
        """Say what is to be done."""
        ...

    def visit(self, address: str) -> None:
        """Have an address opened in a browser."""
        ...


class TerminalPerson:
    """The one at the terminal; without one, standard input has a line for each question."""

    def ask(self, what: str, *, secret: bool = False) -> str:
        """Ask; a secret is not shown while it is typed, and never afterwards."""
        with while_a_person_thinks():
            said = self._read(what, secret).strip()
        if not said:
            hint = "without a terminal, standard input has one line for each question"
            raise BadInput("connect.no_answer", f"nothing was given for: {what}", hint)
        return said

    def _read(self, what: str, secret: bool) -> str:
        if not interactive():
            return sys.stdin.readline()
        if secret:
            return getpass.getpass(f"{what} (not shown): ")
        console = errors_console()
        console.print(f"{what}: ", markup=False, end="")
        console.file.flush()
        return sys.stdin.readline()

    def show(self, text: str) -> None:
        """Say it on standard error: standard output is the result."""
        errors_console().print(text, markup=False, soft_wrap=True)

    def visit(self, address: str) -> None:
        """Open it in the machine's own browser, if there is one; it was told before."""
        # A browser in the terminal returns when it is closed, and may not hold up the login's way back.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
