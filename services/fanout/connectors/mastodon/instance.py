"""What a Mastodon server says of itself and of a token: its limits, and whose account a token opens. Both are kept."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.platforms import LIMITS, Limits
from services.fanout.connectors.answers import not_told_whose
from services.fanout.connectors.calls.http import Answer, Endpoint, Http
from services.fanout.connectors.calls.refusals import refusal
from services.fanout.connectors.contract import Cause, Permanent, Retryable
from services.fanout.connectors.mastodon.ids import id_of
from services.kernel.base.clock import Clock, monotonic
from services.kernel.base.settings.city_platforms import ServerLimits
from services.kernel.base.tasks import cancel_all

_LIMITS_SECONDS = 3_600.0
_AGAIN_SECONDS = 60.0
_ASK_SECONDS = 10.0
_MASTODON = ("https://github.com/mastodon/", "https://github.com/glitch-soc/")
_WAIT_SECONDS = 0.5
"""How long a post waits for the server's limits: one that hangs there must not keep a hundred profiles waiting."""

_TAG = re.compile(r"<[^>]*>")


class Instances:
    """Asks servers about themselves, once for many callers."""

    def __init__(self, http: Http, clock: Clock, made_for: Mapping[str, ServerLimits]) -> None:
        self._http = http
        self._made_for = made_for
        self._clock = clock
        self._limits: dict[str, tuple[float, Limits]] = {}
        self._owners: dict[tuple[str, str], tuple[str, str, str]] = {}
        self._asking: dict[str, asyncio.Task[Limits]] = {}

    async def limits(self, endpoint: Endpoint) -> Limits:
        """Return the server's limits; Mastodon's usual ones where it does not say, or not soon."""
        known = self._limits.get(endpoint.base)
        if known is not None and known[0] > monotonic():
            return known[1]
        task = self._asking.get(endpoint.base)
        if task is None or task.done():
            task = self._asking[endpoint.base] = asyncio.create_task(self._ask(endpoint))
        await asyncio.wait({task}, timeout=_WAIT_SECONDS)
        return task.result() if task.done() and not task.cancelled() else LIMITS["mastodon"]

    def shown(self, endpoint: Endpoint) -> str | None:
        """Return what people read on the page of a token's account, as it was when that was asked for last."""
        owner = self._owners.get((endpoint.base, endpoint.token))
        return owner[2] if owner is not None else None

    async def takes_less(self, server: str, endpoint: Endpoint) -> tuple[str, ServerLimits | None]:
        """Say that a server takes less than messages are made for, and what city.toml should have; else nothing."""
        takes, made_for = await self.limits(endpoint), self._made_for.get(server, ServerLimits())
        lines = []
        if takes.characters < made_for.characters:
            lines.append(f"characters = {takes.characters}")
        if takes.code_points and not made_for.code_points:
            lines.append("code_points = true")
        if not lines:
            return "", None
        said = f"a post takes {takes.characters} characters there" + ", links in full" * takes.code_points
        less = ServerLimits(
            characters=max(100, min(takes.characters, made_for.characters)),
            code_points=takes.code_points or made_for.code_points,
        )
        where = f'[mastodon.limits."{server}"] {", ".join(lines)}'
        return f"{said}, and messages are made for more: {where} in city.toml (onevoice profiles check --write)", less

    async def close(self) -> None:
        """Stop asking."""
        await cancel_all(*self._asking.values())

    async def _ask(self, endpoint: Endpoint) -> Limits:
        until = asyncio.get_running_loop().time() + _ASK_SECONDS
        outcome = await self._http.call(Endpoint(endpoint.base, endpoint.token, until), "GET", "/api/v2/instance")
        said = isinstance(outcome, Answer) and outcome.status == 200 and isinstance(outcome.body, dict)
        limits = read_limits(outcome.body) if isinstance(outcome, Answer) and said else LIMITS["mastodon"]
        self._limits[endpoint.base] = (monotonic() + (_LIMITS_SECONDS if said else _AGAIN_SECONDS), limits)
        return limits

    async def account_id(
        self, endpoint: Endpoint, username: str, *, refresh: bool = False
    ) -> str | Retryable | Permanent:
        """Return the id of the token's account, or why the token cannot be used for ``username``.

        Asked once for each token, then remembered, unless ``refresh``.
        """
        owner = None if refresh else self._owners.get((endpoint.base, endpoint.token))
        if owner is None:
            outcome = await self._http.call(endpoint, "GET", "/api/v1/accounts/verify_credentials")
            found = _owner(outcome.body) if isinstance(outcome, Answer) and outcome.status == 200 else None
            if found is None:
                return not_told_whose(outcome, refusal(outcome, self._clock), Cause.OWN)
            owner = self._owners[endpoint.base, endpoint.token] = found
        if owner[1].casefold() != username.casefold():
            reason = f"the credential belongs to @{owner[1]}, not to @{username}"
            return Retryable(reason, cause=Cause.CREDENTIAL)
        return owner[0]


def _owner(body: Any) -> tuple[str, str, str] | None:
    try:
        note = _TAG.sub(" ", f"{body.get('note') or ''} {_fields(body)}")
        name, username = id_of(body["id"]), str(body["username"])
        profile = html.unescape(f"{body.get('display_name') or ''} {note}")
    except (KeyError, TypeError, AttributeError):
        return None
    return (name, username, profile) if name else None


def _fields(body: Any) -> str:
    rows = body.get("fields")
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return " ".join(f"{row.get('name', '')} {row.get('value', '')}" for row in found)


def read_limits(body: Any) -> Limits:
    """Read the limits out of an Instance entity (version 2); what it does not say is as usual."""
    usual = LIMITS["mastodon"]
    configuration = body.get("configuration") if isinstance(body, dict) else None
    statuses = _section(configuration, "statuses")
    media = _section(configuration, "media_attachments")
    return replace(
        usual,
        characters=_count(statuses, "max_characters", usual.characters),
        link_length=_count(statuses, "characters_reserved_per_url", usual.link_length or 23),
        pictures=_count(statuses, "max_media_attachments", usual.pictures),
        alt_characters=_count(media, "description_limit", usual.alt_characters),
        code_points=_is_of_another_kind(body),
    )


def _is_of_another_kind(body: Any) -> bool:
    """Return whether a server is not Mastodon: those are known to count code points, and links in full."""
    source = body.get("source_url") if isinstance(body, dict) else None
    return isinstance(source, str) and bool(source) and not source.lower().startswith(_MASTODON)


def _section(value: Any, name: str) -> dict[str, Any]:
    section = value.get(name) if isinstance(value, dict) else None
    return section if isinstance(section, dict) else {}


def _count(section: dict[str, Any], name: str, usual: int) -> int:
    value = section.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else usual
