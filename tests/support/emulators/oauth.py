"""Logins of emulated platforms: applications, consent that is given at once, codes, tokens (RFC 6749)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from tests.support.emulators.base import Refused

CLIENT, SECRET = "5551001", "an-application-secret"


@dataclass
class Logins:
    """Who logs in, and what that person agrees to; ``registered`` are the application's ways back."""

    account: str = "1001"
    registered: tuple[str, ...] = ("http://127.0.0.1:4229/callback",)
    withheld: frozenset[str] = frozenset()
    agrees: bool = True
    suffix: str = ""
    codes: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    short: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def authorize(self, request: web.Request, separator: str, known: set[str]) -> web.Response:
        """Lead back to the application with a code, or with a refusal."""
        query = request.query
        redirect, asked = query["redirect_uri"], query["scope"].split(separator)
        if query["client_id"] != CLIENT or redirect not in self.registered or not set(asked) <= known:
            raise Refused("invalid")
        if not self.agrees:
            said = {"error": "access_denied", "error_description": "The user denied the request"}
            return _back(redirect, said | {"state": query["state"]})
        code = secrets.token_urlsafe(24)
        self.codes[code] = redirect, tuple(one for one in asked if one not in self.withheld)
        return _back(redirect, {"code": code, "state": query["state"]}, self.suffix)

    def redeem(self, given: dict[str, str]) -> tuple[str, ...]:
        """Return what was agreed to; a code is good once, for its application and way back."""
        redirect, granted = self.codes.pop(given.get("code", ""), ("", ()))
        if (given.get("client_id"), given.get("client_secret")) != (CLIENT, SECRET):
            raise Refused("invalid")
        if not redirect or given.get("redirect_uri") != redirect:
            raise Refused("invalid")
        return granted

    def shorter(self, granted: tuple[str, ...]) -> str:
        """Return a token that lives for an hour."""
        token = f"short{secrets.token_hex(8)}"
        self.short[token] = granted
        return token

    def longer(self, token: str) -> tuple[str, ...]:
        """Return what a short token may do, for one that lives longer."""
        if token not in self.short:
            raise Refused("unauthorized")
        return self.short[token]


async def form_of(request: web.Request) -> dict[str, str]:
    """Return the fields of a form, sent as a form."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused("invalid")
    return dict(parse_qsl((await request.read()).decode(), strict_parsing=True))


def _back(redirect: str, query: dict[str, str], suffix: str = "") -> web.Response:
    joined = "&" if urlsplit(redirect).query else "?"
    return web.Response(status=302, headers={"Location": f"{redirect}{joined}{urlencode(query)}{suffix}"})
