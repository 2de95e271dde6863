"""Looks at what is on an AT Protocol server, without logging in: records by address, accounts by handle."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.fanout.connectors.bluesky.record import COLLECTION, Ref, is_approved, read_uri, reply_of, uri_of
from services.fanout.connectors.bluesky.session import error_of
from services.fanout.connectors.calls.http import Answer, Endpoint, Http, Outcome
from services.fanout.connectors.calls.outcomes import fields_of, json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.contract import Absent, Altered, CannotTell, Intent
from services.kernel.base.clock import Clock

_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,200}")


@dataclass(frozen=True)
class Existing:
    """All parts of a message stand as they were approved; ``note`` says which pictures are missing."""

    refs: tuple[Ref, ...]
    note: str = ""


@dataclass(frozen=True)
class Other:
    """What stands is not what was approved; ``partly``: a part of it is gone, and the others are right."""

    reason: str
    partly: bool = False

    @property
    def altered(self) -> Altered:
        """What it is of a post that was delivered."""
        return Altered((("text", self.reason),))


Record = tuple[dict[str, Any], str]
"""An existing record: its value in its JSON form, and the content id that the server names."""

Thread = tuple[Ref, Ref] | None
"""The root of a thread and the post that is answered; None: it answers nothing."""


def under(reply: Thread, refs: tuple[Ref, ...]) -> Thread:
    """Return what the next part answers: the part before it, in the thread that the first one opened or joined."""
    if not refs:
        return reply
    return (reply[0] if reply else refs[0], refs[-1])


class Reader:
    """Asks servers; ``language`` is what our records say of theirs."""

    def __init__(self, http: Http, clock: Clock, language: str) -> None:
        self._http = http
        self._clock = clock
        self._language = language
        self._dids: dict[tuple[str, str], str] = {}

    async def get(self, base: str, uri: str, deadline: float) -> Record | Absent | CannotTell:
        """Ask for a record (com.atproto.repo.getRecord)."""
        did, key = read_uri(uri) or ("", "")
        query = {"repo": did, "collection": COLLECTION, "rkey": key}
        outcome = await self._ask(base, "com.atproto.repo.getRecord", query, deadline)
        if error_of(outcome) == "RecordNotFound":
            return Absent()
        if isinstance(outcome, Answer) and outcome.status == 200 and isinstance(outcome.body, dict):
            value, cid = outcome.body.get("value"), outcome.body.get("cid")
            if outcome.body.get("uri") == uri and isinstance(value, dict) and isinstance(cid, str):
                return value, cid
        return cannot_tell("the platform does not say whether it is there", outcome, self._clock)

    async def existing(
        self, base: str, did: str, intent: Intent, keys: list[str], deadline: float
    ) -> Existing | Absent | Other | CannotTell:
        """Say whether a message is under its keys, all of it, as it was approved."""
        refs: tuple[Ref, ...] = ()
        reply: Thread = None
        pictures = 0
        for number, key in enumerate(keys):
            found = await self.get(base, uri_of(did, key), deadline)
            if isinstance(found, CannotTell):
                return found
            if isinstance(found, Absent):
                return Other(f"only {number} of its {len(keys)} parts are there", partly=True) if number else found
            value, cid = found
            if number == 0 and intent.follows:
                reply = reply_of(value, intent.follows.partition(",")[0])
            known = is_approved(value, intent.content, number, self._language, under(reply, refs))
            answers = number or not intent.follows or reply is not None
            if known is None or known[0] != cid or not answers:
                return Other("what is under its key is not what was approved")
            pictures += known[1]
            refs += (Ref(uri_of(did, key), cid),)
        missing = len(intent.content.pictures) - pictures
        return Existing(refs, f"{missing} of its pictures are missing" if missing else "")

    async def did_of(self, base: str, account: str, deadline: float) -> str | CannotTell:
        """Return the DID of an account: asked once (com.atproto.identity.resolveHandle), then remembered."""
        if _DID.fullmatch(account):
            return account
        known = self._dids.get((base, account))
        if known is not None:
            return known
        outcome = await self._ask(base, "com.atproto.identity.resolveHandle", {"handle": account}, deadline)
        body = json_of(outcome)
        did = body.get("did") if isinstance(body, dict) else None
        if not isinstance(did, str) or not _DID.fullmatch(did):
            return cannot_tell(f"the platform does not say who {account} is", outcome, self._clock)
        self._dids[base, account] = did
        return did

    async def closed(self, base: str, account: str, deadline: float) -> str:
        """Return how the platform calls the state of an account that it has closed (getRepoStatus); empty: it is open.

        The login of a taken-down account with an app password is refused like one with a wrong password. Its handle is
        not resolved any more, so this says nothing unless its DID is known.
        """
        did = await self.did_of(base, account, deadline)
        if isinstance(did, CannotTell):
            return ""
        outcome = await self._ask(base, "com.atproto.sync.getRepoStatus", {"did": did}, deadline)
        said = fields_of(outcome)
        return str(said.get("status") or "not active") if said.get("active") is False else ""

    async def dids(self, base: str, handles: Iterable[str], deadline: float) -> dict[str, str]:
        """Return the accounts of mentioned handles; one that cannot be found out stays plain text in the post."""
        found = {handle: await self.did_of(base, handle, deadline) for handle in sorted(handles)}
        return {handle: did for handle, did in found.items() if isinstance(did, str)}

    async def _ask(self, base: str, name: str, query: dict[str, str], deadline: float) -> Outcome:
        return await self._http.call(Endpoint(base, "", deadline), "GET", f"/xrpc/{name}", query=query)


async def shown_of(http: Http, endpoint: Endpoint, did: str) -> str | None:
    """Return the name and description of an account as its own server has them; None: it does not say."""
    query = {"repo": did, "collection": "app.bsky.actor.profile", "rkey": "self"}
    outcome = await http.call(endpoint, "GET", "/xrpc/com.atproto.repo.getRecord", query=query)
    if error_of(outcome) == "RecordNotFound":
        return ""
    body = json_of(outcome)
    value = body.get("value") if isinstance(body, dict) else None
    if not isinstance(value, dict):
        return None
    return " ".join(str(value.get(one) or "") for one in ("displayName", "description"))
