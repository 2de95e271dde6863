"""LinkedIn pages: a member's token by OAuth (learn.microsoft.com/linkedin), for a page that the member may post on."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta

from services.desk.connect.asked import Asked
from services.desk.connect.calls import lasting
from services.desk.connect.consent import lacking, with_query, without_answers
from services.desk.connect.person import Access
from services.fanout.connectors.linkedin.renewal import Application
from services.fanout.connectors.linkedin.roles import MAY_POST, RIGHTS
from services.kernel.base.clock import SystemClock

ANSWERS = ("w_organization_social_feed", "r_organization_social_feed")
_PAGE = re.compile(r"urn:li:organization:([0-9]+)")


async def connect(asked: Asked) -> Access:
    """Have the member agree, redeem the code, and see on which pages that member may post."""
    section, calls = asked.city.settings.linkedin, asked.calls
    client, secret = asked.person.ask("Client ID of the city's application"), asked.secret("Client secret")
    redirect, state = asked.consent.address(), secrets.token_urlsafe(24)
    query = {"response_type": "code", "client_id": client, "redirect_uri": redirect, "state": state}
    query["scope"] = " ".join(RIGHTS + ANSWERS)
    login = with_query(f"{section.site.rstrip('/')}/oauth/v2/authorization", query)
    code = await asked.consent.given(login, name="code", must=("state", state))
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
    form |= {"client_id": client, "client_secret": secret}
    answer = await calls.json("the code", "POST", section.site, "/oauth/v2/accessToken", form=form)
    token = calls.text(answer, "access_token", "the code")
    calls.hide(token)
    granted = tuple(re.split(r"[ ,]+", str(answer.get("scope", ""))))
    lacking(RIGHTS, granted)
    expires = SystemClock().now().replace(microsecond=0)
    expires += timedelta(seconds=calls.seconds(answer, "expires_in", "the code"))
    page, refresh = await _page(asked, token), answer.get("refresh_token")
    remarks = without_answers(ANSWERS, granted)
    if not isinstance(refresh, str) or not refresh:
        return Access(token, page, granted, expires, remarks)
    calls.hide(refresh)
    # The year begins with the login, and no renewal makes it longer.
    days = (lasting(answer.get("refresh_token_expires_in")) or 0) // 86_400
    remarks += (f"it is renewed by itself for {days} days",) if days else ()
    return Access(token, page, granted, expires, remarks, Application(client, secret, refresh).kept())


async def _page(asked: Asked, token: str) -> str:
    """Return the page's number; a person says which, where the member may post on several."""
    section = asked.city.settings.linkedin
    headers = {"LinkedIn-Version": section.version, "X-Restli-Protocol-Version": "2.0.0"}
    query = {"q": "roleAssignee", "state": "APPROVED"}
    path = "/rest/organizationAcls"
    body = await asked.calls.json("the pages", "GET", section.server, path, token=token, query=query, headers=headers)
    elements = [one for one in body.get("elements") or [] if isinstance(one, dict) and one.get("role") in MAY_POST]
    found = [match[1] for one in elements if (match := _PAGE.fullmatch(str(one.get("organization"))))]
    hint = "the page's administrator makes this member CONTENT_ADMINISTRATOR; then begin again"
    return asked.page(dict.fromkeys(found, ""), hint)
