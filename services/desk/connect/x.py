"""X: the account's own keys by OAuth 1.0a (docs.x.com, "3-legged OAuth flow"), which do not end."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

from services.desk.connect.asked import Asked
from services.desk.connect.consent import with_query
from services.desk.connect.person import Access
from services.fanout.connectors.calls.http import Answer
from services.fanout.connectors.credentials.tokens import TokenFault
from services.fanout.connectors.x.oauth import Keys, authorization, read_keys
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Refused, Unreachable

_NOWHERE = "oob"


async def connect(asked: Asked) -> Access:
    """Ask for the application's keys, have the person agree, and see that the keys may write."""
    key, secret = asked.person.ask("API key of the city's application"), asked.secret("API key secret")
    redirect = asked.consent.address(_NOWHERE)
    begun = await _form(asked, Keys(key, secret, "", ""), "/oauth/request_token", {"oauth_callback": redirect})
    token = begun["oauth_token"]
    login = with_query(f"{asked.city.settings.x.server.rstrip('/')}/oauth/authorize", {"oauth_token": token})
    verifier = await asked.consent.given(login, name="oauth_verifier", must=("oauth_token", token))
    temporary = Keys(key, secret, token, begun["oauth_token_secret"])
    given = await _form(asked, temporary, "/oauth/access_token", {"oauth_verifier": verifier})
    credential = ":".join((key, secret, given["oauth_token"], given["oauth_token_secret"]))
    asked.calls.hide(given["oauth_token_secret"])
    try:
        keys = read_keys(credential)
    except TokenFault as fault:
        raise BadInput("connect.refused", str(fault), "nothing was stored") from fault
    me = await _signed(asked, keys, "GET", "/2/users/me", {})
    name = asked.calls.text((me.body or {}).get("data") or {}, "username", "whose keys they are")
    asked.same(f"@{name}", asked.account)
    rights = str(me.headers.get("x-access-level", "")).split("-")
    if rights != [""] and "write" not in rights:
        hint = "console.x.com: give the application read and write rights, and begin again"
        raise Refused("connect.rights", "the application may only read; nothing was stored", hint)
    return Access(credential, name, tuple(one for one in rights if one))


async def _form(asked: Asked, keys: Keys, path: str, query: Mapping[str, str]) -> dict[str, str]:
    answer = await _signed(asked, keys, "POST", path, query)
    found = dict(parse_qsl(answer.line))
    if not found.get("oauth_token") or not found.get("oauth_token_secret"):
        raise Unreachable("connect.unreachable", "x answers the login without a token", "try again; nothing was stored")
    return found


async def _signed(asked: Asked, keys: Keys, method: str, path: str, query: Mapping[str, str]) -> Answer:
    server, now = asked.city.settings.x.server.rstrip("/"), int(SystemClock().now().timestamp())
    headers = authorization(keys, method, server + path, query, nonce=secrets.token_hex(16), timestamp=now)
    return await asked.calls.answer("the keys", method, server, path, query=query, headers=headers)
