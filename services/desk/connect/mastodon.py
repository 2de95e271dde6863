"""Mastodon: an application that registers itself, and a token by OAuth with PKCE (docs.joinmastodon.org)."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from services.desk.connect.asked import Asked
from services.desk.connect.consent import lacking, new_key_exchange, with_query
from services.desk.connect.person import Access
from services.fanout.connectors.instances import mastodon_bases
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput

SCOPES = ("read:accounts", "read:statuses", "read:search", "write:statuses", "write:media")
_NOWHERE = "urn:ietf:wg:oauth:2.0:oob"


async def connect(asked: Asked) -> Access:
    """Register, have the person agree, and redeem the code; the token has no end."""
    username, _, instance = asked.account.removeprefix("@").rpartition("@")
    if not instance:
        raise BadInput("connect.account", "which server is not known", "give the account as --account name@server")
    host, instance = instance, _name_of(asked.city, instance)
    try:
        base = mastodon_bases(asked.city)(instance).rstrip("/")
    except LookupError:
        message = f"city.toml, [mastodon.instances], has no address for {host!r}"
        name, url = instance.replace(".", "-"), f"https://{host}" if "." in host else "https://..."
        raise BadInput("connect.server", message, f'add: {name} = "{url}"') from None
    calls, redirect, scope = asked.calls, asked.consent.address(_NOWHERE), " ".join(SCOPES)
    settings = asked.city.settings.city
    application = {
        "client_name": f"OneVoice, {settings.name}",
        "redirect_uris": redirect,
        "scopes": scope,
        "website": settings.website,
    }
    made = await calls.json("the application", "POST", base, "/api/v1/apps", value=application)
    client, secret = (calls.text(made, name, "the application") for name in ("client_id", "client_secret"))
    calls.hide(secret)
    state, proof = secrets.token_urlsafe(24), new_key_exchange()
    query = {"response_type": "code", "client_id": client, "redirect_uri": redirect, "scope": scope, "state": state}
    query |= {"code_challenge": proof.challenge, "code_challenge_method": "S256"}
    code = await asked.consent.given(with_query(f"{base}/oauth/authorize", query), name="code", must=("state", state))
    redeemed = {"grant_type": "authorization_code", "code": code, "client_id": client, "client_secret": secret}
    redeemed |= {"redirect_uri": redirect, "code_verifier": proof.verifier}
    answer = await calls.json("the code", "POST", base, "/oauth/token", value=redeemed)
    token = calls.text(answer, "access_token", "the code")
    granted = tuple(str(answer.get("scope", "")).split())
    broad = tuple(one for one in SCOPES if one.partition(":")[0] in granted)
    lacking(SCOPES, granted + broad)
    me = await calls.json("whose token it is", "GET", base, "/api/v1/accounts/verify_credentials", token=token)
    name = calls.text(me, "username", "whose token it is")
    asked.same(f"{name}@{instance}", f"{username or name}@{instance}")
    return Access(token, f"{name}@{instance}", granted)


def _name_of(city: City, instance: str) -> str:
    """Return the name that city.toml has for a server, which a person may give by its host, too."""
    servers = city.settings.mastodon.instances
    if instance in servers:
        return instance
    return next((name for name, url in servers.items() if urlsplit(url).hostname == instance.lower()), instance)
