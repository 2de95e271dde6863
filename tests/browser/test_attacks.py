"""What a page of somebody else, or a thief of a session, gets from the pages in a real browser."""

from __future__ import annotations

import asyncio
import base64

import pytest
from aiohttp import web
from playwright.async_api import Browser, Request

from tests.browser.conftest import Cable, Town, officer_phone
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


@pytest.mark.parametrize("path", ["/sign-in", "/enroll"])
async def test_no_other_page_can_frame_these(town: Town, cable: Cable, browser: Browser, path: str) -> None:
    async def trap(_: web.Request) -> web.Response:
        return web.Response(text=f'<iframe src="{town.origin}{path}"></iframe>', content_type="text/html")

    app, port = web.Application(), free_port()
    app.add_routes([web.get("/", trap)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    page = await browser.new_page()
    async with page.expect_event("requestfailed") as failed:
        await page.goto(f"http://127.0.0.1:{port}/")
    refused: Request = await failed.value
    assert refused.failure == "net::ERR_BLOCKED_BY_RESPONSE"
    assert await page.frame_locator("iframe").get_by_role("button").count() == 0
    await runner.cleanup()


async def test_a_stolen_session_alone_cannot_approve(town: Town, cable: Cable, browser: Browser) -> None:
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
