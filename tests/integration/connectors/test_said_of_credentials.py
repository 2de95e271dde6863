"""What is said of a call never holds what lets in: servers repeat what they were asked, and an address may be that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from aiohttp import web

from services.fanout.connectors.calls.hiding import place_of, secrets_in, without
from services.fanout.connectors.contract import Permanent, Retryable, Unknown
from tests.integration.connectors.harnesses import an_intent, store
from tests.integration.connectors.send_only_harnesses import SendOnlyHarness
from tests.support.emulators.mail import PASSWORD, MailServer
from tests.support.emulators.telegram import TOKEN

SIGNATURE = "x4Kd0%2BYq1Z%2Ff8wT3sLr6Vb9Nc2Mh5Pj7Ga0Ue4%3D"
PATHS = {
    "slack": "/services/T0/B0/aB3dE5fG7hI9jK1lM3nO5pQ7",
    "teams": f"/workflows/8d1f0a7c/triggers/manual/paths/invoke?api-version=2016-06-01&sig={SIGNATURE}",
    "telegram": f"/bot{TOKEN}/sendMessage",
    "nextdoor": "/external/api/partner/v1/post/create/",
}
SECRETS = {
    "slack": "aB3dE5fG7hI9jK1lM3nO5pQ7",
    "teams": SIGNATURE,
    "telegram": TOKEN.partition(":")[2],
}


def _moved(path: str) -> web.Response:
    return web.Response(status=308, headers={"Location": f"https://moved.example{path}"})


def _not_found(path: str) -> web.Response:
    words = {"statusCode": 404, "message": f"Cannot POST {path}", "error": "Not Found"}
    return web.json_response(words, status=404)


def _line(path: str) -> web.Response:
    return web.Response(status=400, text=f"no route for {unquote(path)}")


def _cut(path: str) -> web.Response:
    return web.json_response({"error": f"{quote(path, safe='')[:-6]} failed"}, status=500)


SAYS = {"308": _moved, "404": _not_found, "400": _line, "500": _cut}


def pieces(secret: str) -> set[str]:
    spelled = (secret, unquote(secret), quote(secret, safe=""))
    return {one[at : at + 8] for one in spelled for at in range(len(one) - 7)}


@pytest.fixture(params=list(PATHS))
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SendOnlyHarness]:
    made = await SendOnlyHarness(request.param, tmp_path).open()
    if request.param in ("slack", "teams"):
        made.write_token(made.profile("fire"), f"{made.emulator.url}{PATHS[request.param]}")  # type: ignore[attr-defined]
    yield made
    await made.close()


@pytest.mark.parametrize("says", SAYS.values(), ids=list(SAYS))
async def test_no_reason_holds_a_credential_that_a_server_repeats(
    harness: SendOnlyHarness, says: Callable[[str], web.Response]
) -> None:
    """A host that has moved, a framework's error, a line of text, a failure that cuts it: of a post, a check, a recall.

    The rest of what is said stays.
    """
    secret = SECRETS.get(harness.platform) or harness.token("fire")
    path = PATHS[harness.platform] + (f"?access_token={secret}" if harness.platform == "nextdoor" else "")
    intent = an_intent(harness.profile("fire"), "Boil water.")

    def bent(_answer: web.Response) -> web.Response:
        return says(path)

    said = []
    harness.bends.begin((0, bent))
    result = await harness.connector.publish(intent, store)
    assert isinstance(result, Permanent | Retryable | Unknown)
    said.append(result.reason)
    harness.bends.begin((0, bent))
    said.append((await harness.restart().check(intent.profile)).detail)
    harness.bends.begin((0, bent))
    recalled = await harness.restart().retract(intent, "1001")
    assert isinstance(recalled, Permanent | Retryable | Unknown)
    said.append(recalled.reason)
    for reason in said:
        assert [one for one in pieces(secret) if one in reason] == []
    assert any(words in said[0] for words in ("https://moved.example", "Cannot POST", "no route for", "failed"))
    assert "city.toml" not in said[0] or harness.platform in ("telegram", "nextdoor")


async def test_no_reason_holds_a_password_that_a_mail_server_repeats(tmp_path: Path) -> None:
    harness = await SendOnlyHarness("email", tmp_path).open()
    assert isinstance(harness.emulator, MailServer)
    harness.emulator.misbehave("error", code=f"550 5.7.1 Rejected, of AUTH {PASSWORD}")
    result = await harness.connector.publish(an_intent(harness.profile("fire"), "Boil water."), store)
    assert isinstance(result, Permanent)
    assert "Rejected, of AUTH …" in result.reason
    await harness.close()


def test_what_is_hidden_and_what_stays() -> None:
    assert secrets_in("/services/T0/B0/aB3dE5fG7h?api-version=2016-06-01&sig=a%2Bb") == (
        "T0",
        "B0",
        "aB3dE5fG7h",
        "a%2Bb",
    )
    assert secrets_in("/hook") == ("/hook",)
    assert (
        without("İ the services of aB3dE5fG7h, AB3DE5FG and aB3dE5f", ["aB3dE5fG7h"])
        == "İ the services of …, … and aB3dE5f"
    )
    assert without("all of it", []) == "all of it"
    assert place_of("https://key:word@new.example:8443/api?token=x#y") == "https://new.example:8443/api"
    assert [place_of(one) for one in ("/elsewhere", "https://[", "")] == ["", "", ""]
