"""Calls to a platform while a credential is got: by the connectors' own HTTP, with one clear error each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from services.fanout.connectors.calls.http import Answer, Endpoint, Http
from services.kernel.base.errors import BadInput, Unreachable

SECONDS = 20.0
_SECONDS = re.compile(r"[0-9]{1,9}")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def lasting(said: object) -> int | None:
    """Return what a platform gives as a time in seconds, a number or its digits; None for anything else."""
    digits = str(said) if isinstance(said, int | str) and not isinstance(said, bool) else ""
    return int(digits) if _SECONDS.fullmatch(digits) else None


class Calls:
    """Calls one platform; ``platform`` is its name for people. What ``hide`` was given is never shown."""

    def __init__(self, platform: str) -> None:
        self._platform = platform
        self._http = Http(4)
        self._hidden: set[str] = set()

    def hide(self, *secret: str) -> None:
        """Have secrets never shown, whatever the platform's words are."""
        self._hidden.update(one for one in secret if one)

    async def answer(
        self,
        what: str,
        method: str,
        base: str,
        path: str,
        *,
        token: str = "",
        form: Mapping[str, str] | None = None,
        value: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call, and return the answer of a call that succeeded; ``what`` names it in an error.

        Raises:
            Unreachable: ``connect.unreachable``: no answer.
            BadInput: ``connect.refused``: the platform says no.
        """
        endpoint = Endpoint(base.rstrip("/"), token, asyncio.get_running_loop().time() + SECONDS)
        data = urlencode(form).encode() if form is not None else None
        sent = {**(_FORM if form is not None else {}), **(headers or {})}
        outcome = await self._http.call(endpoint, method, path, value=value, data=data, query=query, headers=sent)
        if not isinstance(outcome, Answer):
            message = f"{self._platform} does not answer ({what}): {outcome.reason}"
            raise Unreachable("connect.unreachable", message, "try again; nothing was stored")
        if not 200 <= outcome.status < 300:
            hint = "docs/platforms.md says what to ask for; nothing was stored"
            raise BadInput("connect.refused", f"{self._platform} refuses {what}: {self._shown(outcome.words)}", hint)
        return outcome

    async def json(self, what: str, method: str, base: str, path: str, **more: Any) -> dict[str, Any]:
        """Make one call, and return the object that it answers with; raises as ``answer``."""
        body = (await self.answer(what, method, base, path, **more)).body
        if not isinstance(body, dict):
            message = f"{self._platform} answers {what} with something that is not its own"
            raise Unreachable("connect.unreachable", message, "is the server's address in city.toml right?")
        return body

    def text(self, body: Mapping[str, Any], name: str, what: str) -> str:
        """Return a field of an answer as text; raises Unreachable ``connect.unreachable`` where it has none."""
        found = body.get(name)
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        if not isinstance(found, str) or not found:
            message = f"{self._platform} answers {what} without {name}"
            raise Unreachable("connect.unreachable", message, "try again; nothing was stored")
        return found

    def seconds(self, body: Mapping[str, Any], name: str, what: str) -> int:
        """Return a field of an answer that says how long something lasts; raises as ``text``, for odd words too."""
        found = lasting(body.get(name))
        if found is None:
            message = f"{self._platform} answers {what} without {name} in seconds"
            raise Unreachable("connect.unreachable", message, "try again; nothing was stored")
        return found

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    def _shown(self, words: str) -> str:
        for secret in self._hidden:
            words = words.replace(secret, "(hidden)")
        return words
