"""Nextdoor: an agency's token by OAuth (developer.nextdoor.com, Publish API)."""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta

from services.desk.connect.asked import Asked
from services.desk.connect.consent import lacking, with_query
from services.desk.connect.person import Access
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Refused

SCOPES = ("openid", "post:write", "profile:read", "agency.boundary:read")


async def connect(asked: Asked) -> Access:
    """Have an officer of the agency agree, redeem the code, and see that it is an agency's."""
    section, calls = asked.city.settings.nextdoor, asked.calls
    client, secret = asked.person.ask("Client ID of the city's application"), asked.secret("Client secret")
    redirect, state = asked.consent.address(), secrets.token_urlsafe(24)
    query = {"scope": " ".join(SCOPES), "client_id": client, "redirect_uri": redirect, "state": state}
    login = with_query(f"{section.site.rstrip('/')}/v3/authorize/", query)
    code = await asked.consent.given(login, name="code", must=("state", state))
    form = {"grant_type": "authorization_code", "code": code, "client_id": client, "redirect_uri": redirect}
    pair = base64.b64encode(f"{client}:{secret}".encode()).decode()
    calls.hide(pair)
    headers = {"Authorization": f"Basic {pair}"}
    answer = await calls.json("the code", "POST", section.login, "/v2/token", form=form, headers=headers)
    token = calls.text(answer, "access_token", "the code")
    calls.hide(token)
    granted = tuple(str(answer.get("scope", "")).split())
    lacking(SCOPES, granted)
    expires = SystemClock().now().replace(microsecond=0)
    expires += timedelta(seconds=calls.seconds(answer, "expires_in", "the code"))
    me = await calls.json("whose token it is", "GET", section.server, "/external/api/partner/v1/me/", token=token)
    agency = str(me.get("agency_id") or "")
    if not agency:
        hint = "log in as somebody of the agency's own account (a public agency on Nextdoor)"
        raise Refused("connect.other_account", "this opens a neighbour's account, and no public agency's", hint)
    asked.same(agency, asked.account)
    return Access(token, agency, granted, expires, (f"the agency is {me.get('agency_name') or agency}",))
