"""A platform in a folder, behind the connector contract: it keeps every post that it is sent, also the second of two.

It knows no idempotency, so a post made twice is seen; ``keyed``, as the website is, it does. It misbehaves on order,
call by call, from any process: ``behave(profile, "slow 2", "rate_limit 0.1")``. Faults on ``publish``:

slow S        takes S seconds, then posts            rate_limit S  not posted, asks to wait for S seconds
error_after   posts, and answers with an unknown     drop          not posted, and nobody knows
refuse        not posted, for good                   crash         posts, and raises
locked        not posted, a right is missing
late S        answers unknown now, and posts behind   unreachable   not posted, may be tried again
              the first look after S seconds
wait          posts when ``open(profile)`` is called
On ``reconcile``: blind, blind S (cannot tell, and asks to wait for S seconds). On ``retract``: no_delete (not deleted,
may be tried again).
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas.events.authority import Profile
from schemas.events.requests import Picture
from schemas.platforms import WEBSITE
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Connector,
    Correction,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReconcileResult,
    Retracted,
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.kernel.base.clock import monotonic

ON_RECONCILE = frozenset({"blind"})
ON_RETRACT = frozenset({"no_delete"})


class FolderPlatform(Connector):
    """Implements ``Connector`` on a folder."""

    declaration = Declaration(WhenUnknown.LOOK, Correction.REPLY, delete=True, reply=True)

    def __init__(self, folder: Path, platform: str = "mastodon", *, keyed: bool = False) -> None:
        self.platform = platform
        self.keyed = keyed or platform == WEBSITE  # the same key is the same page there
        if self.keyed:
            self.declaration = replace(self.declaration, when_unknown=WhenUnknown.REPEAT)
        self.folder = folder / platform
        self.folder.mkdir(parents=True, exist_ok=True)
        self._later: dict[str, tuple[float, Intent]] = {}

    # --- the connector ------------------------------------------------------------------------------------

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        profile = intent.profile.id
        fault, _, argument = self._take(profile).partition(" ")
        self._note(profile, f"publish {fault}")
        if fault == "slow":
            left = 0.9 * intent.call_timeout
            await asyncio.sleep(min(float(argument), left))
            if float(argument) > left:
                return Unknown("no answer in time")
        while fault == "wait" and not (self.folder / f"{profile}.open").exists():  # noqa: ASYNC110 - across processes
            await asyncio.sleep(0.02)
        if fault == "rate_limit":
            return Retryable("too many requests", after=float(argument))
        if fault == "locked":
            return Retryable("the channel takes nothing from this login", cause=Cause.CREDENTIAL)
        if fault == "unreachable":
            return Retryable("connection refused")
        if fault == "refuse":
            return Permanent("the platform refuses this text")
        if fault == "drop":
            return Unknown("the connection was dropped")
        if fault == "late":
            self._later[intent.idempotency_key] = (monotonic() + float(argument), intent)
            return Unknown("the connection was dropped")
        posted = self._post(intent, *[await _alt(one, fetch_media) for one in intent.content.pictures])
        if fault == "error_after":
            return Unknown("500 after sending")
        if fault == "crash":
            raise RuntimeError("the connector has a bug")
        return posted

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        fault, _, argument = self._take(intent.profile.id, ON_RECONCILE).partition(" ")
        self._note(intent.profile.id, f"reconcile {fault}")
        if fault == "blind":
            return CannotTell("the timeline cannot be read", after=float(argument) if argument else None)
        found = self._known(intent)
        if found is not None:
            return self._where(intent.profile.id, found)
        when, late = self._later.get(intent.idempotency_key, (0.0, None))
        if late is not None and monotonic() >= when:
            self._post(self._later.pop(intent.idempotency_key)[1])
        return Absent()

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Note what was to go; the post stays in the list, which counts what was ever posted."""
        if self._take(intent.profile.id, ON_RETRACT):
            return Retryable("the connection was refused")
        with (self.folder / f"{intent.profile.id}.retracted").open("a") as file:
            file.write(f"{remote_id}\n")
        return Retracted()

    async def check(self, profile: Profile) -> Health:
        return Health(True, "")

    async def close(self) -> None:
        self._later.clear()

    # --- for tests ----------------------------------------------------------------------------------------

    def behave(self, profile: str, *faults: str) -> None:
        """Tell what to do on the next calls for a profile."""
        (self.folder / f"{profile}.faults").write_text(json.dumps(list(faults)))

    def open(self, profile: str) -> None:
        """Let the call go on that waits."""
        (self.folder / f"{profile}.open").touch()

    def posts(self, profile: str) -> list[dict[str, Any]]:
        """All posts on a profile, oldest first."""
        path = self.folder / f"{profile}.posts"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def texts(self, profile: str) -> list[str]:
        """The texts of all posts on a profile, oldest first."""
        return [post["text"] for post in self.posts(profile)]

    def stands(self, profile: str) -> list[dict[str, Any]]:
        """The posts that were not deleted, newest first."""
        gone = self.retracted(profile)
        standing = [post for at, post in enumerate(self.posts(profile)) if f"{profile}-{at}" not in gone]
        return standing[::-1]

    def retracted(self, profile: str) -> list[str]:
        """The remote ids of the posts that were to be deleted, in order."""
        path = self.folder / f"{profile}.retracted"
        return path.read_text().splitlines() if path.exists() else []

    def calls(self, profile: str) -> list[str]:
        """The calls for a profile, with the fault that was played."""
        path = self.folder / f"{profile}.calls"
        return path.read_text().splitlines() if path.exists() else []

    # --- inside -------------------------------------------------------------------------------------------

    def _post(self, intent: Intent, *alts: str | None) -> Posted | Permanent:
        profile, known = intent.profile.id, self._known(intent) if self.keyed else None
        if known is not None:
            same = self.posts(profile)[known]["sha256"] == intent.rendering_sha256
            return self._where(profile, known) if same else Permanent("the key was used for other content")
        post = {
            "key": intent.idempotency_key,
            "text": "\n\n".join(intent.content.parts),
            "follows": intent.follows,
            "id": secrets.token_hex(4),
            "sha256": intent.rendering_sha256,
            "alts": [one for one in alts if one],
        }
        with (self.folder / f"{profile}.posts").open("a") as file:
            file.write(json.dumps(post) + "\n")
        missing = [f"picture {at} is missing" for at, one in enumerate(alts, 1) if one is None]
        return replace(self._where(profile, len(self.posts(profile)) - 1), note="; ".join(missing))

    def _known(self, intent: Intent) -> int | None:
        """The number of the post that is under a call's key."""
        profile = intent.profile.id
        gone = self.retracted(profile)
        keys = (at for at, one in enumerate(self.posts(profile)) if one["key"] == intent.idempotency_key)
        return next((at for at in keys if f"{profile}-{at}" not in gone), None)

    def _where(self, profile: str, number: int) -> Posted:
        return Posted(f"https://{self.platform}.example/{profile}/{number}", f"{profile}-{number}")

    def _take(self, profile: str, kind: frozenset[str] = frozenset()) -> str:
        """Take the next fault of a kind; without one, the next that is of none of the kinds."""
        path = self.folder / f"{profile}.faults"
        faults: list[str] = json.loads(path.read_text()) if path.exists() else []
        mine = next((fault for fault in faults if _is_of(fault.split()[0], kind)), "")
        if mine:
            faults.remove(mine)
            path.write_text(json.dumps(faults))
        return mine

    def _note(self, profile: str, what: str) -> None:
        with (self.folder / f"{profile}.calls").open("a") as file:
            file.write(what.strip() + "\n")


async def _alt(picture: Picture, fetch_media: FetchMedia) -> str | None:
    """Return a picture's description, or None where its bytes are nowhere."""
    try:
        await fetch_media(picture.sha256)
    except LookupError:
        return None
    return picture.alt


def _is_of(fault: str, kind: frozenset[str]) -> bool:
    return fault in kind if kind else fault not in ON_RECONCILE | ON_RETRACT
