"""What a page of somebody else, or a thief of a session, gets from the pages in a real browser."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from playwright.async_api import Browser, Request

from tests.browser.conftest import BrowserCity, Cable, officer_phone
from tests.support.authenticator import Authenticator
from tests.support.ports import free_port

ASK = """async () => {
  const form = document.querySelector("form[data-passkey]");
  const fields = new URLSearchParams(new FormData(form));
  const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body: fields });
  return { csrf: form.elements.csrf.value, ...await answer.json() };
}"""
ANSWER = """async ([url, fields]) => {
  const body = new URLSearchParams(fields);
  const answer = await fetch(url, { method: "POST", headers: { Accept: "application/json" }, body });
  return [answer.status, await answer.json()];
}"""
"""What the pages' own script does, but with a signature that is given to it."""

SIGN = """async (challenge) => {
  const bytes = (word) => Uint8Array.from(atob(word.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const word = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  try {
    const asked = { challenge: bytes(challenge), rpId: "localhost", userVerification: "required" };
    const found = await navigator.credentials.get({ publicKey: asked });
    const said = found.response;
    return { client: new TextDecoder().decode(said.clientDataJSON), answer: {
      credential: word(found.rawId), authenticator_data: word(said.authenticatorData),
      client_data: word(said.clientDataJSON), signature: word(said.signature) } };
  } catch (error) { return { fault: error.name }; }
}"""
"""Has this browser's passkey sign a challenge, on whatever page this runs."""


@asynccontextmanager
async def site_of(text: str, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Serve a page of somebody else's; yield its address."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app, port = web.Application(), free_port()
    app.add_routes([web.get("/", page)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://{host}:{port}/"
    await runner.cleanup()


SLIP_IN = """() => {
  try { document.querySelector("main").insertAdjacentHTML("beforeend", "<p>hello</p>"); return "taken"; }
  catch (error) { return error.name; }
}"""
SLIP_IN_HTMX = """([nonce]) => {
  const slipped = document.createElement("div");
  slipped.setAttribute("hx-get", "/health?" + (nonce ? "own" : "slipped"));
  slipped.setAttribute("hx-trigger", "load");
  if (nonce) slipped.setAttribute("hx-nonce", document.querySelector("script[nonce]").nonce);
  document.querySelector("main").append(slipped);
  htmx.process(slipped);
}"""


async def test_markup_that_was_slipped_in_does_nothing(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    """No HTML from words, and htmx acts for no element without the page's nonce; with it, it does."""
    async with officer_phone(browser, town, "eoc-director") as phone:
        await phone.enroll()
        await phone.go("/people")
        await phone.sees("As of")
        assert await phone.page.evaluate(SLIP_IN) == "TypeError"
        asked: list[str] = []
        phone.page.on("request", lambda request: asked.append(request.url))
        await phone.page.evaluate(SLIP_IN_HTMX, [False])
        async with phone.page.expect_request("**/health?own"):
            await phone.page.evaluate(SLIP_IN_HTMX, [True])
        assert not [url for url in asked if url.endswith("slipped")]
        phone.faults.clear()


@pytest.mark.parametrize("path", ["/sign-in", "/enroll"])
async def test_no_other_page_can_frame_these(town: BrowserCity, cable: Cable, browser: Browser, path: str) -> None:
    page = await browser.new_page()
    async with site_of(f'<iframe src="{town.origin}{path}"></iframe>') as site:
        async with page.expect_event("requestfailed") as failed:
            await page.goto(site)
        refused: Request = await failed.value
        assert refused.failure == "net::ERR_BLOCKED_BY_RESPONSE"
        assert await page.frame_locator("iframe").get_by_role("button").count() == 0


async def test_a_page_of_another_origin_sends_no_form_and_gets_no_signature_that_counts(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    """From another site the session does not come along; from another port of this host it does, and does not help."""
    async with officer_phone(browser, town, "comms-officer") as phone:
        await phone.enroll()
        await phone.go("/state/hold")
        csrf = await phone.page.evaluate("document.forms[0].elements.csrf.value")
        form = f'<form method="post" action="{town.origin}/write"><input name="csrf" value="{csrf}"><button>Win'
        for host, said in (
            ("127.0.0.1", "What waits for an officer"),
            ("localhost", "This form was not sent from a page of"),
        ):
            async with site_of(form, host) as site:
                await phone.page.goto(site)
                await phone.page.get_by_role("button").click()
                await phone.sees(said)
        await phone.go("/write")
        assert await phone.page.locator(".card").count() == 0
        async with site_of("<p>", "localhost") as site:
            await phone.page.goto(site)
            signed = await phone.page.evaluate(SIGN, "AAAA")
            assert "origin" in signed["client"]
            assert site.rstrip("/") in signed["client"], "the browser itself says where it was asked"
            assert town.origin not in signed["client"]
        async with site_of("<p>") as site:
            await phone.page.goto(site)
            assert (await phone.page.evaluate(SIGN, "AAAA"))["fault"] == "SecurityError"


async def test_a_signature_is_good_once_and_for_its_own_statement(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    async with officer_phone(browser, town, "cao") as cao:
        await cao.enroll()
        await cao.go("/state/hold")
        await cao.page.check("#sure")
        hold, other = await cao.page.evaluate(ASK), await cao.page.evaluate(ASK)
        assert hold["get"]["challenge"] != other["get"]["challenge"]
        answer = {"csrf": hold["csrf"], **(await cao.page.evaluate(SIGN, hold["get"]["challenge"]))["answer"]}
        crossed = await cao.page.evaluate(ANSWER, [other["then"], answer])
        assert (crossed[0], crossed[1]["error"]["code"]) == (403, "order.signature")
        assert (await cao.page.evaluate(ANSWER, [hold["then"], answer]))[0] == 200
        again = await cao.page.evaluate(ANSWER, [hold["then"], answer])
        assert again[1]["error"]["code"] == "sign.late"
        await cao.go("/state/release")
        await cao.page.check("#sure")
        release = await cao.page.evaluate(ASK)
        replayed = await cao.page.evaluate(ANSWER, [release["then"], answer])
        assert replayed[1]["error"]["code"] == "order.signature"
        assert "HOLD is on" in await cao.page.inner_text("#posture")
        await cao.press("Let posts go again")
        await cao.at("/state?at=")


async def test_who_is_not_verified_by_the_device_signs_nothing(
    town: BrowserCity, cable: Cable, browser: Browser
) -> None:
    async with officer_phone(browser, town, "eoc-director") as phone:
        await phone.enroll()
        await phone.verified(False)
        await phone.go("/state/hold")
        await phone.page.check("#sure")
        await phone.press("Stop all posts")
        await phone.sees("Nothing was signed.")
        await phone.go("/state")
        assert "HOLD is on" not in await phone.page.inner_text("#posture")


async def test_a_stolen_session_alone_cannot_approve(town: BrowserCity, cable: Cable, browser: Browser) -> None:
    asked = ("request", "Dewdney Trunk is closed.", "--to", "fire-townsquare", "--as", "clerk", "--yes")
    assert (await asyncio.to_thread(town.shell, *asked)).status == 3
    waits = (await asyncio.to_thread(town.shell.json, "pending")).body[0]["request_id"]
    async with officer_phone(browser, town, "mcpe") as mcpe, officer_phone(browser, town, "thief") as thief:
        await mcpe.enroll()
        await thief.context.add_cookies(await mcpe.context.cookies())  # type: ignore[arg-type]
        await thief.go(f"/messages/{waits}/approve")
        await thief.page.check("#sure")
        if await thief.page.locator("#acknowledge").count():
            await thief.page.check("#acknowledge")
        said = await thief.page.evaluate(ASK)
        assert "get" in said, said
        device = Authenticator("thief", rp_id="localhost", origin=town.origin, device_bound=True)
        answer = device.answer(base64.urlsafe_b64decode(said["get"]["challenge"] + "="))
        fields = {name: base64.urlsafe_b64encode(part).decode().rstrip("=") for name, part in vars(answer).items()}
        stolen = {"credential": said["get"]["allow"][0], "csrf": said["csrf"]}
        status, error = await thief.page.evaluate(ANSWER, [said["then"], fields | stolen])
        assert (status, error["error"]["code"]) == (403, "approval.signature")
        assert "the signature is not the passkey's" in error["error"]["message"]
        left = (await asyncio.to_thread(town.shell.json, "pending")).body
        assert [one["request_id"] for one in left] == [waits]
        await mcpe.go(f"/messages/{waits}/approve")
        await mcpe.page.check("#sure")
        if await mcpe.page.locator("#acknowledge").count():
            await mcpe.page.check("#acknowledge")
        await mcpe.press("Approve with your passkey")
        await mcpe.at(f"/messages/{waits}?at=")
