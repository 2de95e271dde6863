"""A consultation copy: signed, without authority, on the register; it ends by time, by a person, and with its maker."""

from __future__ import annotations

import re

from schemas.events.control import Revoke
from services.web.consultations import ConsultationRegister
from tests.integration.web.conftest import Pages
from tests.support.mission import eventually
from tests.support.phone import Phone, confirm_all, phone

TEXT = "Boil water in zone 4 until further notice."


async def message(pages: Pages) -> tuple[str, str]:
    """Put a message on record; return its page and its digest."""
    own = pages.phone
    path = (await own.post("/write")).path
    fields = {"text": TEXT, "to": "fire-website", "reach": "some", "link": "https://mission.example/water"}
    assert (await own.post(path, fields)).path == f"{path}/check"
    place = (await own.submit(path))["to"].partition("?")[0]
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', (await own.get(f"{place}/copies")).text)
    assert digest is not None
    return place, digest[1]


async def link(own: Phone, place: str, digest: str) -> str:
    """Make a copy; return its path."""
    said = await own.sign(f"{place}/copies", {"until": "4h", "digest": digest})
    assert said.get("to") == f"{place}/copies", said
    found = re.search(r'href="http://localhost:\d+(/consult/[A-Za-z0-9_-]{43})"', (await own.get(said["to"])).text)
    assert found is not None
    return found[1]


async def test_a_copy_is_read_by_who_has_the_link_and_by_nobody_any_more_once_it_ended(pages: Pages) -> None:
    own = pages.phone
    place, digest = await message(pages)
    for fields, code in (({"until": "9y"}, "consult.until"), ({"digest": "0" * 64}, "request.changed")):
        said = await own.ask(f"{place}/copies", {"until": "1h", "digest": digest} | fields)
        assert said["error"]["code"] == code
    unsigned = await own.sign(f"{place}/copies", {"until": "1h", "digest": digest}, flags=1)
    assert unsigned["error"]["code"] == "consult.signature"
    path = await link(own, place, digest)
    register = ConsultationRegister(pages.city.var / "web" / "live" / "consultations.jsonl")
    (kept,) = register.of(place.rpartition("/")[2])
    assert kept.statement.officer == "mcpe"
    assert path.rpartition("/")[2] not in register._path.read_text(), "the secret is in no file"
    async with phone(pages.city, "stranger") as stranger:
        copy = await stranger.get(path)
        assert copy.status == 200
        assert TEXT in copy.words
        assert "CONSULTATION COPY, for reading only" in copy.words
        assert not re.findall(r"<(?:form|a|button|nav)\b(?! href=\"#main\")", copy.text), "it leads nowhere"
        assert copy.headers["Referrer-Policy"] == "no-referrer"
        assert 'class="posture' not in (await own.get(path)).text, "an officer sees what they see outside"
        assert (await stranger.get(place)).path.startswith("/sign-in"), "and opens nothing else"
        assert (await stranger.get(path[:-1] + ("A" if path[-1] != "A" else "B"))).status == 404
        end = re.search(r'action="([^"]+/end)"', (await own.get(f"{place}/copies")).text)
        assert end is not None
        assert "Ended by mcpe" in (await own.post(end[1])).words
        gone = await stranger.get(path)
        assert (gone.status, TEXT in gone.text) == (404, False)
        second = await link(own, place, digest)
        assert (await stranger.get(second)).status == 200
        await _revoked(pages)

        async def over() -> bool:
            return (await stranger.get(second)).status == 404

        await eventually(over)


async def _revoked(pages: Pages) -> None:
    assert "error" not in await (await pages.mission.desk("cao")).register(Revoke(officer="mcpe"))
    await confirm_all(await pages.mission.desk("pio"))


async def test_strangers_see_nothing_of_the_citys_state(pages: Pages) -> None:
    async with phone(pages.city, "stranger") as stranger:
        for path in ("/sign-in", "/enroll", "/consult/" + "a" * 43, "/static/0/none.css"):
            text = (await stranger.get(path)).text
            assert 'class="posture' not in text, path
            assert "<nav" not in text, path
        worker = await stranger.get("/worker.js")
        assert (worker.status, worker.path) == (200, "/worker.js"), "browsers look for a newer one by themselves"
        assert worker.headers["Content-Type"].startswith("text/javascript")
