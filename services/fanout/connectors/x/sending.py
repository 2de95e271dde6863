"""Sends one post. What X is not ready for yet, its pictures or the post above it, is sent again a moment later."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from services.fanout.connectors.answers import joined
from services.fanout.connectors.calls.http import Answer
from services.fanout.connectors.calls.refusals import has_it_already
from services.fanout.connectors.calls.uploads import AGAIN_TIMES, again_then_without, pause_before
from services.fanout.connectors.contract import Permanent, Retryable, Unknown
from services.fanout.connectors.x.api import XAccount, XApi, data_of, is_gone
from services.fanout.connectors.x.comparing import MadePost, shows

_NO_PARENT = re.compile(r"\breply\b.*\b(?:deleted|not visible|not found|not exist)", re.IGNORECASE)
_SECONDS = 2.0
"""After how long an answer to a post of a moment ago is sent again: X shows that after a few seconds."""


@dataclass(frozen=True)
class RefusedPost(Permanent):
    """X's own refusal of a post. ``twice``: of its words as those of one that X has, which may be this very message."""

    status: int = 0
    twice: bool = False


Sent = MadePost | Retryable | Permanent | Unknown


async def send(api: XApi, account: XAccount, body: Mapping[str, Any], above: str) -> Sent:
    """Send a post; one whose pictures are refused goes out without them in the end.

    ``above``: the part before it, which this message has posted; empty for its first part.
    """

    async def post(pictures: bool) -> Sent:
        shown = body if pictures else {name: value for name, value in body.items() if name != "media"}
        return await _under(api, account, shown, above)

    if "media" not in body:
        return await post(True)
    sent, refused = await again_then_without(post, _is_of_pictures, account.deadline)
    if not isinstance(refused, Permanent) or not isinstance(sent, MadePost):
        return sent
    return replace(sent, note=joined(f"the pictures are missing: {refused.reason}", sent.note))


async def _under(api: XApi, account: XAccount, body: Mapping[str, Any], above: str) -> Sent:
    """Send a post; where X does not see yet what it answers, and that stands, it has not failed."""
    sent = await _send(api, account, body)
    for _ in range(AGAIN_TIMES):
        if not above or not _has_no_parent(sent):
            return sent
        await asyncio.sleep(pause_before(account.deadline, _SECONDS))
        sent = await _send(api, account, body)
    if not _has_no_parent(sent):
        return sent
    outcome = await api.call(account.keys, account.deadline, "GET", f"/2/tweets/{above}")
    if is_gone(outcome):
        return sent
    return Retryable(f"the part before it is not shown yet: {sent.reason}", after=_SECONDS)


async def _send(api: XApi, account: XAccount, body: Mapping[str, Any]) -> Sent:
    outcome = await api.call(account.keys, account.deadline, "POST", "/2/tweets", value=body)
    made = data_of(outcome, 201)
    if isinstance(name := made.get("id"), str) and name.isdigit():
        return MadePost(name, shows(made, body["text"]))
    result = api.meaning(outcome)
    if not isinstance(outcome, Answer) or not isinstance(result, Permanent):
        return result
    return RefusedPost(result.reason, status=outcome.status, twice=has_it_already(outcome))


def _has_no_parent(sent: Sent) -> TypeGuard[RefusedPost]:
    """Say whether X refuses a post as an answer to what it does not see."""
    return isinstance(sent, RefusedPost) and _NO_PARENT.search(sent.reason) is not None


def _is_of_pictures(sent: Sent) -> bool:
    """Say whether a post with pictures may have been refused for them: X calls it an invalid request."""
    return isinstance(sent, RefusedPost) and sent.status == 400 and not sent.twice
