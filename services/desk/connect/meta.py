"""Meta: Facebook Pages, Threads, Instagram. A login, a token that lives longer, and what it may do."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.desk.connect.asked import Asked
from services.desk.connect.consent import lacking, with_query, without_answers
from services.desk.connect.person import Access
from services.fanout.connectors.threads.connector import RIGHTS as THREADS
from services.kernel.base.clock import SystemClock
from services.kernel.base.settings.city_platforms import FacebookSection, InstagramSection, ThreadsSection

PAGES = ("pages_show_list", "pages_manage_posts", "pages_read_engagement")
PAGES_ANSWER = ("pages_read_user_content", "pages_manage_engagement")
INSTAGRAM = ("instagram_business_basic", "instagram_business_content_publish")
INSTAGRAM_ANSWER = ("instagram_business_manage_comments",)
YEAR_9999 = 253_370_764_800
"""Unix seconds; later ones no calendar of ours has."""

_OF_A_PERSON = "it is a person's: it ends when that person changes the password or leaves the Page"


@dataclass(frozen=True)
class _Code:
    """A code to redeem, and who redeems it: the city's application."""

    client: str
    secret: str
    redirect: str
    code: str

    @property
    def form(self) -> dict[str, str]:
        return {
            "client_id": self.client,
            "client_secret": self.secret,
            "redirect_uri": self.redirect,
            "code": self.code,
        }


async def facebook(asked: Asked) -> Access:
    """Get the token of a Page: by a person who may post there, it lives as long as that person's rights."""
    section: FacebookSection = asked.city.settings.facebook
    base, calls = f"{section.server.rstrip('/')}/{section.version}", asked.calls
    login = f"{section.site.rstrip('/')}/{section.version}/dialog/oauth"
    code = await _agreed(asked, login, PAGES + PAGES_ANSWER)
    short = await calls.json("the code", "GET", base, "/oauth/access_token", query=code.form)
    exchange = {"grant_type": "fb_exchange_token", "client_id": code.client, "client_secret": code.secret}
    exchange["fb_exchange_token"] = calls.text(short, "access_token", "the code")
    calls.hide(exchange["fb_exchange_token"])
    longer = await calls.json("the longer token", "GET", base, "/oauth/access_token", query=exchange)
    person = calls.text(longer, "access_token", "the longer token")
    calls.hide(person)
    query = {"fields": "id,name,access_token", "limit": "100"}
    pages = await calls.json("the Pages", "GET", base, "/me/accounts", token=person, query=query)
    found = {str(one.get("id")): one for one in pages.get("data") or [] if isinstance(one, dict)}
    hint = "agree as a person who may create content on the Page, and choose it in the login's dialogue"
    page = found[asked.page({number: str(one.get("name")) for number, one in found.items()}, hint)]
    token = calls.text(page, "access_token", "the Pages")
    calls.hide(token)
    owner = f"{code.client}|{code.secret}"
    told = await calls.json("what it may do", "GET", base, "/debug_token", token=owner, query={"input_token": token})
    facts = told.get("data") or {}
    granted = _names(facts.get("scopes"))
    lacking(PAGES, granted)
    remarks = (_OF_A_PERSON, *without_answers(PAGES_ANSWER, granted))
    return Access(token, str(page["id"]), granted, _moment(facts.get("expires_at")), remarks)


async def threads(asked: Asked) -> Access:
    """Get a token of 60 days."""
    section: ThreadsSection = asked.city.settings.threads
    calls, base = asked.calls, section.server.rstrip("/")
    code = await _agreed(asked, f"{section.site.rstrip('/')}/oauth/authorize", THREADS)
    form = code.form | {"grant_type": "authorization_code"}
    short = calls.text(
        await calls.json("the code", "POST", base, "/oauth/access_token", form=form), "access_token", "the code"
    )
    token, expires = await _longer(asked, base, "th_exchange_token", code.secret, short)
    query = {"input_token": token}
    told = await calls.json(
        "what it may do", "GET", f"{base}/{section.version}", "/debug_token", token=token, query=query
    )
    granted = _names((told.get("data") or {}).get("scopes"))
    lacking(THREADS, granted)
    return await _named(asked, f"{base}/{section.version}", "id", Access(token, "", granted, expires))


async def instagram(asked: Asked) -> Access:
    """Get a token of 60 days for a professional account."""
    section: InstagramSection = asked.city.settings.instagram
    calls, base = asked.calls, section.server.rstrip("/")
    code = await _agreed(asked, f"{section.site.rstrip('/')}/oauth/authorize", INSTAGRAM + INSTAGRAM_ANSWER)
    form = code.form | {"grant_type": "authorization_code"}
    body = await calls.json("the code", "POST", section.login, "/oauth/access_token", form=form)
    # Meta's documents show the fields in a list of one; it was seen to answer with them alone.
    first = body["data"][0] if isinstance(body.get("data"), list) and body["data"] else body
    short, granted = calls.text(first, "access_token", "the code"), _names(first.get("permissions"))
    lacking(INSTAGRAM, granted)
    remarks = without_answers(INSTAGRAM_ANSWER, granted)
    token, expires = await _longer(asked, base, "ig_exchange_token", code.secret, short)
    return await _named(asked, f"{base}/{section.version}", "user_id", Access(token, "", granted, expires, remarks))


async def _agreed(asked: Asked, login: str, scopes: tuple[str, ...]) -> _Code:
    client, secret = asked.person.ask("App ID of the city's application"), asked.secret("App secret")
    redirect, state = asked.consent.address(), secrets.token_urlsafe(24)
    query = {"client_id": client, "redirect_uri": redirect, "scope": ",".join(scopes), "response_type": "code"}
    address = with_query(login, query | {"state": state})
    code = await asked.consent.given(address, name="code", must=("state", state))
    return _Code(client, secret, redirect, code.removesuffix("#_"))


async def _longer(asked: Asked, base: str, grant: str, secret: str, short: str) -> tuple[str, datetime]:
    asked.calls.hide(short)
    query = {"grant_type": grant, "client_secret": secret, "access_token": short}
    body = await asked.calls.json("the longer token", "GET", base, "/access_token", query=query)
    token = asked.calls.text(body, "access_token", "the longer token")
    asked.calls.hide(token)
    seconds = int(asked.calls.text(body, "expires_in", "the longer token"))
    return token, SystemClock().now().replace(microsecond=0) + timedelta(seconds=seconds)


async def _named(asked: Asked, base: str, key: str, access: Access) -> Access:
    query = {"fields": f"{key},username"}
    me = await asked.calls.json("whose token it is", "GET", base, "/me", token=access.credential, query=query)
    account, name = (asked.calls.text(me, one, "whose token it is") for one in (key, "username"))
    asked.same(account, asked.account)
    return Access(access.credential, account, access.may, access.expires, (f"the account is @{name}", *access.remarks))


def _names(value: object) -> tuple[str, ...]:
    """Return rights, from a list or from words with commas between."""
    if isinstance(value, str):
        return tuple(one.strip() for one in value.split(",") if one.strip())
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _moment(value: object) -> datetime | None:
    """Return a time from Unix seconds; 0, or one that no calendar has: it does not end."""
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int) and 0 < value < YEAR_9999 else None
