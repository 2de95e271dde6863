"""What a thief does with cookies and links on the real pages, and that it opens nothing."""

from __future__ import annotations

import re

from yarl import URL

from services.web.front import COOKIE
from tests.integration.web.conftest import Pages
from tests.integration.web.test_consult import link, message
from tests.support.phone import Page, Phone, phone


async def with_cookie(stranger: Phone, text: str, path: str = "/sessions") -> Page:
    """Ask for a page with cookies of the thief's own, as their header has them."""
    stranger.session.cookie_jar.clear()
    return await stranger.get(path, Cookie=text)


async def test_neither_a_cookie_nor_a_link_opens_more_than_it_was_given_for(pages: Pages) -> None:
    await _cookies(pages)
    await _links(pages)


async def _cookies(pages: Pages) -> None:
    """Guessed, from before the sign-in, under another name, of the session's number, and once it was ended."""
    own, fixed = pages.phone, "a" * 43
    (given,) = [one for one in own.session.cookie_jar if one.key.startswith(COOKIE)]
    assert (given["httponly"], given["samesite"], given["path"]) == (True, "Lax", "/")
    name, secret = given.key, given.value
    listed = await own.get("/sessions")
    number = re.search(r"/sessions/([0-9a-f]{12})/end", listed.text)
    assert number is not None
    assert secret not in listed.text
    async with phone(pages.city, "stranger") as stranger:
        assert (await with_cookie(stranger, f"{name}={secret}")).status == 200, "it is the cookie that counts"
        assert not (await with_cookie(stranger, f"{name}={secret}")).path.startswith("/sign-in")
        for text in (
            f"{name}={fixed}",
            f"{name}={secret[:-1]}",
            f"{name}={secret}a",
            f"{name}={secret.swapcase()}",
            f"{name}={number[1]}",
            f"{name}-exercise={secret}",
            f"x{name}={secret}",
            f"{name}=; other={secret}",
            f"{name}",
        ):
            assert (await with_cookie(stranger, text)).path.startswith("/sign-in"), text
        own.session.cookie_jar.update_cookies({name: fixed}, URL(own.origin))
        await own.sign_in()
        (after,) = [one.value for one in own.session.cookie_jar if one.key == name]
        assert after not in (fixed, secret), "a sign-in takes over nothing that the browser brought"
        assert (await with_cookie(stranger, f"{name}={fixed}")).path.startswith("/sign-in")
        await own.post(f"/sessions/{number[1]}/end")
        assert (await with_cookie(stranger, f"{name}={secret}")).path.startswith("/sign-in"), "it was ended"
        assert (await with_cookie(stranger, f"{name}={after}")).status == 200
        assert (await with_cookie(stranger, f"{name}={after}; {name}={fixed}")).status == 200, "no crash on two"
        foreign = await stranger.post("/sessions/stay", {"csrf": own.csrf}, Cookie=f"{name}={after}", Origin="null")
        assert foreign.status == 403, "a form of another origin is none, whatever it knows"


async def _links(pages: Pages) -> None:
    """A consultation link is no key to anything else."""
    own = pages.phone
    place, digest = await message(pages)
    path = await link(own, place, digest)
    secret = path.rpartition("/")[2]
    (name,) = [one.key for one in own.session.cookie_jar if one.key.startswith(COOKIE)]
    async with phone(pages.city, "stranger") as stranger:
        copy = await stranger.get(path)
        assert (copy.status, "Set-Cookie" in copy.headers) == (200, False)
        for wrong in (
            f"/consult/{secret.swapcase()}",
            f"{path}=",
            f"{path}/",
            f"{path}/pictures/{'0' * 64}",
            f"/consult/..%2f{secret}",
            f"/consult/{secret[:42]}",
            f"/consult/{secret}{secret}",
            f"/consult/%00{secret}",
        ):
            assert (await stranger.get(wrong)).status == 404, wrong
        assert (await stranger.post(path)).status in (403, 405)
        for use in (f"{name}={secret}", f"{name}={digest}"):
            assert (await with_cookie(stranger, use)).path.startswith("/sign-in")
        assert (await stranger.get(f"{place}/copies")).path.startswith("/sign-in")
        ended = await stranger.post(f"{place}/copies/{'0' * 64}/end")
        assert ended.status in (403, 404) or ended.path.startswith("/sign-in")
        assert (await stranger.get(path)).status == 200, "and it goes on being read by who has it"
