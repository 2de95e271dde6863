"""What all ways to a credential are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.desk.connect.calls import Calls
from services.desk.connect.consent import Consent
from services.desk.connect.person import Person
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Refused


@dataclass(frozen=True)
class Asked:
    """For which account of which city a credential is wanted; ``account`` is empty where the platform tells it."""

    city: City
    account: str
    person: Person
    consent: Consent
    calls: Calls

    def secret(self, what: str) -> str:
        """Ask for a secret, which is never shown."""
        said = self.person.ask(what, secret=True)
        self.calls.hide(said)
        return said

    def named(self, form: str) -> str:
        """Return the account; raises BadInput ``connect.account`` where none was given."""
        if not self.account:
            raise BadInput("connect.account", "which account is not known", f"give it: --account {form}")
        return self.account

    def same(self, opened: str, wanted: str) -> None:
        """Refuse a credential of another account than was wanted; an empty one is any.

        Raises:
            Refused: ``connect.other_account``.
        """
        if wanted and opened.removeprefix("@").casefold() != wanted.removeprefix("@").casefold():
            message = f"this opens {opened}, and not {wanted}; nothing was stored"
            hint = "log out in the browser, and in again as the profile's account"
            raise Refused("connect.other_account", message, hint)

    def page(self, pages: Mapping[str, str], hint: str) -> str:
        """Return the number of the wanted page, of those that this person may post on; they say which of several.

        Args:
            pages: their names by their numbers.
            hint: what to do where there is none.

        Raises:
            BadInput: ``connect.account``.
            Refused: ``connect.other_account``.
        """
        if not pages:
            raise Refused("connect.other_account", "this person may post on no page; nothing was stored", hint)
        wanted = self.account or (next(iter(pages)) if len(pages) == 1 else "")
        if not wanted:
            self.person.show("\n".join(f"  {number}  {name}".rstrip() for number, name in pages.items()))
            wanted = self.person.ask("The page's number")
        if wanted not in pages:
            some = ", ".join(f"{number} ({name})" if name else number for number, name in list(pages.items())[:5])
            message = f"this person may not post on page {wanted}, but on {some}"
            raise BadInput("connect.account", message, "give one of them")
        return wanted
