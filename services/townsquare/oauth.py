"""Logins at the townsquare, as Mastodon has them: applications, consent in a browser, codes, tokens (OAuth with PKCE).

Who agrees is the operator: with the account's name and the token of var/townsquare/admin.token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from services.kernel.base.clock import monotonic
from services.townsquare.accounts import Directory
from services.townsquare.posts import Refusal

_CODE_SECONDS = 600.0
_NOWHERE = "urn:ietf:wg:oauth:2.0:oob"
_MOST = 1_000
_SCOPES = ("read", "write", "follow", "push", "profile")


@dataclass(frozen=True)
class _Application:
    name: str
    secret: str = field(repr=False)
    redirects: tuple[str, ...]
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class _Agreed:
    username: str
    client: str
    redirect: str
    scope: str
    challenge: str
    until: float


@dataclass
class Logins:
    """Applications and codes, in memory; ``give`` makes a token for an account, ``page`` draws a template."""

    directory: Directory
    admin_token: str
    give: Callable[[str], str]
    page: Callable[..., web.Response]
    _applications: dict[str, _Application] = field(default_factory=dict)
    _codes: dict[str, _Agreed] = field(default_factory=dict)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post("/api/v1/apps", self.register),
            web.get("/oauth/authorize", self.ask),
            web.post("/oauth/authorize", self.agree),
            web.post("/oauth/token", self.redeem),
        ]

    async def register(self, request: web.Request) -> web.Response:
        """POST /api/v1/apps."""
        body = await _fields(request)
        given = body.get("redirect_uris", "")
        redirects = tuple(given) if isinstance(given, list) else tuple(str(given).split())
        scopes = tuple(str(body.get("scopes") or "read").split())
        if not body.get("client_name") or not redirects or not all(map(_is_address, redirects)):
            raise Refusal(422, "Validation failed: client_name and redirect_uris are needed")
        if not all(one.partition(":")[0] in _SCOPES for one in scopes) or len(self._applications) >= _MOST:
            raise Refusal(422, "Validation failed: Scopes doesn't match configured on the server.")
        client, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._applications[client] = _Application(str(body["client_name"]), secret, redirects, scopes)
        shown = {"id": str(len(self._applications)), "name": body["client_name"], "website": body.get("website")}
        shown |= {"client_id": client, "client_secret": secret, "client_secret_expires_at": 0}
        shown |= {"redirect_uris": list(redirects), "redirect_uri": "\n".join(redirects), "scopes": list(scopes)}
        return web.json_response(shown)

    async def ask(self, request: web.Request) -> web.Response:
        """GET /oauth/authorize: the page where somebody agrees."""
        application = self._wanted(request.query)
        accounts = sorted(account.username for account in self.directory.all)
        return self.page("authorize.html", application=application.name, accounts=accounts, asked=dict(request.query))

    async def agree(self, request: web.Request) -> web.Response:
        """POST /oauth/authorize: back to the application, with a code."""
        form = {key: str(value) for key, value in (await request.post()).items()}
        self._wanted(form)
        redirect, state = form["redirect_uri"], form.get("state", "")
        self.directory.refresh()
        known = self.directory.by_name(form.get("account", "")) is not None
        if not known or not secrets.compare_digest(form.get("password", "").encode(), self.admin_token.encode()):
            raise Refusal(403, "The account, or the operator's token, is not right")
        if form.get("answer") != "agree":
            return _back(redirect, {"error": "access_denied", "state": state})
        code = secrets.token_urlsafe(32)
        scope, challenge = form.get("scope", "read"), form.get("code_challenge", "")
        until = monotonic() + _CODE_SECONDS
        self._codes[code] = _Agreed(form["account"], form["client_id"], redirect, scope, challenge, until)
        if redirect == _NOWHERE:
            return self.page("code.html", code=code)
        return _back(redirect, {"code": code, "state": state})

    async def redeem(self, request: web.Request) -> web.Response:
        """POST /oauth/token: a token for a code, once."""
        body = await _fields(request)
        application = self._applications.get(str(body.get("client_id")))
        secret = str(body.get("client_secret", "")).encode()
        if application is None or not secrets.compare_digest(secret, application.secret.encode()):
            return _error(401, "invalid_client", "Client authentication failed")
        agreed = self._codes.pop(str(body.get("code")), None)
        right = (
            agreed is not None
            and body.get("grant_type") == "authorization_code"
            and (agreed.client, agreed.redirect) == (body.get("client_id"), body.get("redirect_uri"))
            and monotonic() < agreed.until
            and agreed.challenge in ("", _challenge(str(body.get("code_verifier", ""))))
        )
        if agreed is None or not right:
            return _error(400, "invalid_grant", "The provided authorization grant is invalid, expired, or revoked")
        token = self.give(agreed.username)
        self.directory.refresh()
        said = {"access_token": token, "token_type": "Bearer", "scope": agreed.scope, "created_at": 0}
        return web.json_response(said)

    def _wanted(self, query: Mapping[str, str]) -> _Application:
        application = self._applications.get(query.get("client_id", ""))
        if application is None or query.get("redirect_uri") not in application.redirects:
            raise Refusal(400, "The redirect uri included is not valid.")
        asked = query.get("scope", "read").split()
        if query.get("response_type") != "code" or not set(asked) <= set(application.scopes):
            raise Refusal(400, "The requested scope is invalid, unknown, or malformed.")
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            raise Refusal(400, "The code_challenge_method must be S256.")
        return application


async def _fields(request: web.Request) -> Mapping[str, Any]:
    if request.content_type != "application/json":
        return dict(await request.post())
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "The body is not a JSON object")
    return body


def _is_address(redirect: object) -> bool:
    return redirect == _NOWHERE or (isinstance(redirect, str) and urlsplit(redirect).scheme in ("http", "https"))


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _back(redirect: str, query: Mapping[str, str]) -> web.Response:
    joined = "&" if urlsplit(redirect).query else "?"
    return web.Response(status=302, headers={"Location": f"{redirect}{joined}{urlencode(query)}"})


def _error(status: int, name: str, words: str) -> web.Response:
    return web.json_response({"error": name, "error_description": words}, status=status)
