"""Calls of LinkedIn's REST API (learn.microsoft.com/linkedin), and what its answers mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard
from urllib.parse import quote, urlsplit

from schemas.events.requests import Picture
from services.fanout.connectors.calls.ahead import ClockAhead
from services.fanout.connectors.calls.http import Answer, Endpoint, Http, Outcome
from services.fanout.connectors.calls.outcomes import fields_of, json_of
from services.fanout.connectors.calls.refusals import cannot_tell, has_it_already, refusal
from services.fanout.connectors.calls.uploads import picture_bytes
from services.fanout.connectors.contract import CannotTell, Cause, FetchMedia, Permanent, Retryable, Unknown
from services.fanout.connectors.fields import text_in
from services.fanout.connectors.linkedin.little_text import plain
from services.kernel.base.clock import Clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARGIN = timedelta(seconds=30)

_PAGES = 5
_COUNT = 100
_POST = re.compile(r"urn:li:(share|ugcPost):[0-9]{1,30}")
_IMAGE = re.compile(r"urn:li:image:[A-Za-z0-9_-]{1,100}")
_RIGHTS = "ACCESS_DENIED"
_DUPLICATE = "DUPLICATE_POST"


@dataclass(frozen=True)
class Organization:
    """A company page and the token that may post on it, and until when a call may last (the loop's time)."""

    id: str
    token: str = field(repr=False)
    deadline: float

    @property
    def urn(self) -> str:
        """Its name as LinkedIn writes it."""
        return f"urn:li:organization:{self.id}"


@dataclass(frozen=True)
class Share:
    """A post of a page: its URN, when it was made, its text as people read it, and what the platform says of it."""

    urn: str
    created_at: datetime
    text: str
    record: Mapping[str, Any]


class LinkedInApi:
    """Calls one server; ``version`` is the API's month, as 202511."""

    def __init__(self, server: str, version: str, clock: Clock) -> None:
        self._server = server.rstrip("/")
        self._clock = clock
        self.http = Http(128)
        self._ahead = ClockAhead(clock)
        self._headers = {"LinkedIn-Version": version, "X-Restli-Protocol-Version": "2.0.0"}

    async def call(
        self,
        page: Organization,
        method: str,
        path: str,
        *,
        value: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Make one call; names in ``path`` are encoded already."""
        endpoint = Endpoint(f"{self._server}/rest", page.token, page.deadline)
        more = self._headers | dict(headers or {})
        outcome = await self.http.call(endpoint, method, path, value=value, headers=more, exact=True)
        self._ahead.note(outcome)
        return outcome

    async def close(self) -> None:
        """Close all connections."""
        await self.http.close()

    def meaning(self, outcome: Outcome) -> Retryable | Permanent | Unknown:
        """Say what a call that did not succeed means; a right that is missing can be given."""
        if isinstance(outcome, Answer) and outcome.status == 403 and code_of(outcome) == _RIGHTS:
            return Retryable(f"the platform refuses the credential: {outcome.words}", cause=Cause.CREDENTIAL)
        if isinstance(outcome, Answer) and outcome.status == 426:
            why = f"LinkedIn has ended this version: {outcome.words}; [linkedin] version in city.toml names a newer one"
            return Retryable(why, cause=Cause.OWN)
        return refusal(outcome, self._clock)

    def is_of_pictures(self, outcome: Outcome) -> bool:
        """Say whether a post with pictures may have been refused for them: LinkedIn may still work on them."""
        refused = isinstance(outcome, Answer) and outcome.status in (400, 422) and not is_duplicate(outcome)
        return refused and isinstance(self.meaning(outcome), Permanent)

    def since(self, made_at: datetime) -> datetime:
        """Return when a request that was made by our clock was made by LinkedIn's, a little earlier to be sure."""
        return made_at - self._ahead.by - _MARGIN

    async def posts_of_request(self, page: Organization, made_at: datetime) -> list[Share] | CannotTell:
        """Return the page's own posts since a request was made by our clock."""
        begun = self.since(made_at)
        found = await self.posts_since(page, begun)
        # Only an answer says what LinkedIn's clock is: a look that began too late is made once more.
        if isinstance(found, CannotTell) or self.since(made_at) > begun - _MARGIN:
            return found
        return await self.posts_since(page, self.since(made_at))

    async def posts_since(self, page: Organization, since: datetime) -> list[Share] | CannotTell:
        """Return the page's own posts that were made since a time."""
        found: list[Share] = []
        for number in range(_PAGES):
            query = f"q=author&author={encoded(page.urn)}&count={_COUNT}&start={number * _COUNT}&sortBy=LAST_MODIFIED"
            finder = {"X-RestLi-Method": "FINDER"}
            outcome = await self.call(page, "GET", f"/posts?{query}", headers=finder)
            body = json_of(outcome)
            elements = body.get("elements") if isinstance(body, dict) else None
            if not isinstance(elements, list):
                return cannot_tell("the platform does not list the page's posts", outcome, self._clock)
            try:
                found += [read_share(one) for one in elements]
                oldest = min((time_of(one["lastModifiedAt"]) for one in elements), default=since)
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                return CannotTell(f"the platform's listing cannot be read: {type(error).__name__}")
            if len(elements) < _COUNT or oldest < since:
                return [share for share in found if share.created_at >= since]
        return CannotTell("the page posted very often since the request was made")

    async def upload(self, page: Organization, picture: Picture, fetch_media: FetchMedia) -> str | None:
        """Upload a picture; return its URN, None when it failed."""
        content = await picture_bytes(picture, fetch_media, page.deadline)
        if content is None:
            return None
        asked = {"initializeUploadRequest": {"owner": page.urn}}
        outcome = await self.call(page, "POST", "/images?action=initializeUpload", value=asked)
        body = json_of(outcome)
        given = body.get("value") if isinstance(body, dict) else None
        url, image = (given.get("uploadUrl"), given.get("image")) if isinstance(given, dict) else (None, None)
        if not isinstance(url, str) or not isinstance(image, str) or not _IMAGE.fullmatch(image) or not self._ours(url):
            return None
        parts = urlsplit(url)
        endpoint = Endpoint(f"{parts.scheme}://{parts.netloc}", page.token, page.deadline)
        path = url.removeprefix(endpoint.base)
        kind = {"Content-Type": picture.media_type}
        sent = await self.http.call(endpoint, "PUT", path, data=content, headers=kind, exact=True)
        return image if isinstance(sent, Answer) and sent.status == 201 else None

    def _ours(self, url: str) -> bool:
        """Say whether a credential may be sent to an address that an answer named: this server, or LinkedIn's own."""
        parts, home = urlsplit(url), urlsplit(self._server)
        if (parts.scheme, parts.netloc) == (home.scheme, home.netloc):
            return True
        host = parts.hostname or ""
        return parts.scheme == "https" and "@" not in parts.netloc and host.endswith(".linkedin.com")


def encoded(urn: str) -> str:
    """Return a URN as it is in a path or query."""
    return quote(urn, safe="")


def code_of(outcome: Outcome) -> str:
    """Return the error's name, which may be with its details; empty where the answer has none."""
    body = fields_of(outcome)
    details = body.get("errorDetails")
    errors = details.get("inputErrors") if isinstance(details, dict) else None
    rows = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    return next((str(one["code"]) for one in (body, *rows) if one.get("code")), "")


def is_duplicate(outcome: Outcome) -> TypeGuard[Answer]:
    """True where LinkedIn refuses a post as one that it has; its name and its words say so, in more than one form."""
    named = isinstance(outcome, Answer) and 400 <= outcome.status < 500 and code_of(outcome) == _DUPLICATE
    return named or has_it_already(outcome)


def not_found(outcome: Outcome) -> bool:
    """True where LinkedIn itself says that there is no such thing; a page of what is before it says nothing."""
    return isinstance(outcome, Answer) and outcome.status == 404 and isinstance(outcome.body, dict)


def is_deleted(outcome: Outcome) -> bool:
    """True for the answer to a deletion of what is there no more."""
    return (isinstance(outcome, Answer) and outcome.status == 204) or not_found(outcome)


def is_urn(text: str) -> bool:
    """True for the name of a post."""
    return _POST.fullmatch(text) is not None


def named_in(text: str) -> str:
    """Return the post that an error names, empty where it names none."""
    match = _POST.search(text)
    return match.group() if match else ""


def made(outcome: Outcome) -> str:
    """Return the URN of the post that a call made, which is in a header; empty where there is none."""
    if not isinstance(outcome, Answer) or outcome.status != 201:
        return ""
    urn = str(outcome.headers.get("x-restli-id", ""))
    return urn if is_urn(urn) else ""


def read_share(value: Mapping[str, Any]) -> Share:
    """Read a post; raises KeyError, TypeError, ValueError, AttributeError or OverflowError."""
    if not is_urn(value["id"]):
        raise ValueError("an id that cannot be used")
    return Share(value["id"], time_of(value["createdAt"]), plain(text_in(value, "commentary")), value)


def time_of(milliseconds: int) -> datetime:
    """Return a time as LinkedIn writes it; raises TypeError, ValueError or OverflowError for what is none."""
    if isinstance(milliseconds, bool):
        raise TypeError("a time is a number")
    # fromtimestamp raises OSError far away, like a lost connection
    return _EPOCH + timedelta(milliseconds=milliseconds)
