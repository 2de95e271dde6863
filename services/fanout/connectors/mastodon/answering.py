"""Finds the status that an address leads to, so that it can be answered (docs.joinmastodon.org/methods/search)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from services.fanout.connectors.answers import is_gone, split_on
from services.fanout.connectors.calls.http import Answer, Endpoint, Http, Outcome
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import refusal
from services.fanout.connectors.contract import Cause, Intent, Permanent, Retryable, Unknown
from services.fanout.connectors.mastodon.ids import id_of
from services.kernel.base.clock import Clock

_OWN = re.compile(r"/(?:@[^/]+|users/[^/]+/statuses)/([A-Za-z0-9_-]{1,64})/?")
_PUBLIC = frozenset({"public", "unlisted"})


async def answering(
    http: Http, clock: Clock, endpoint: Endpoint, intent: Intent
) -> Intent | Retryable | Permanent | Unknown:
    """Return an intent with the id of the post whose address its content answers; as it is where it answers none.

    Unknown of a repeat whose question is gone: an answer outlives what it answers.
    """
    address = intent.content.answers
    if address is None or intent.follows:
        return intent
    found = await status_at(http, clock, endpoint, address)
    if isinstance(found, Permanent) and intent.repeat:
        return Unknown(found.reason)
    return replace(intent, follows=found) if isinstance(found, str) else found


async def status_at(http: Http, clock: Clock, endpoint: Endpoint, address: str) -> str | Retryable | Permanent:
    """Return the id that this server has for the status at an address: one of its own, or one that it can fetch.

    Permanent where there is none, or where not everybody sees it: an answer would show what it answers.
    """
    own = _own_id(address, endpoint.base)
    if own is not None:
        outcome = await http.call(endpoint, "GET", f"/api/v1/statuses/{own}")
        found = [outcome.body] if isinstance(outcome, Answer) and outcome.status == 200 else None
        if is_gone(outcome, clock):
            found = []
    else:
        # The server fetches a foreign status by its address, and may find others by its words: only this one counts.
        query = {"q": address, "type": "statuses", "resolve": "true", "limit": "1"}
        outcome = await http.call(endpoint, "GET", "/api/v2/search", query=query)
        found = _found(outcome)
        if found is not None:
            found = [one for one in found if isinstance(one, dict) and address in (one.get("url"), one.get("uri"))]
    if found is None:
        return _no_answer(outcome, clock)
    if not found:
        return Permanent("the post that it answers is not there, or this server cannot show it")
    status = found[0] if isinstance(found[0], dict) else {}
    name = id_of(status.get("id"))
    if not name or (own is not None and name != own):
        return Retryable("the server does not say which post it is that it answers", cause=Cause.HOST)
    if status.get("visibility") not in _PUBLIC:
        return Permanent("the post that it answers is not public")
    return name


def _own_id(address: str, base: str) -> str | None:
    """Return the id in an address of this server's own pages; None for another server's."""
    split = split_on(address, base)
    found = _OWN.fullmatch(split.path) if split is not None else None
    return found[1] if found is not None else None


def _found(outcome: Outcome) -> list[Any] | None:
    body = json_of(outcome)
    statuses = body.get("statuses") if isinstance(body, dict) else None
    return statuses if isinstance(statuses, list) else None


def _no_answer(outcome: Outcome, clock: Clock) -> Retryable | Permanent:
    why = refusal(outcome, clock)
    # Nothing was posted by a call that only asks.
    return Retryable(why.reason, why.after, cause=Cause.HOST) if isinstance(why, Unknown) else why
