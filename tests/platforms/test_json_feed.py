"""The site's JSON feeds, held to a schema of JSON Feed 1.1 that others wrote (jsonfeed-schema, npm)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from tests.integration.connectors.harnesses import PICTURE, WebsiteHarness, an_intent, store
from tests.platforms.pds import FOLDER, installed

TEXTS = [
    "Boil water. https://mission.example/a?b=1&c=2",
    "اغلوا الماء قبل الشرب.",
    "</script><script>alert(1)</script> ]]> &amp; \x07 \ufffe",
    "👨\u200d👩\u200d👧 " * 60,
]


@pytest.fixture
async def website(tmp_path: Path) -> AsyncIterator[WebsiteHarness]:
    made = WebsiteHarness(tmp_path)
    yield made
    await made.close()


@pytest.fixture(scope="module")
def fault_of() -> Callable[[Any], str]:
    if not installed():
        pytest.skip("the schema is not installed: make test-platforms")
    schema = json.loads((FOLDER / "node_modules/jsonfeed-schema/schema-v1.1.json").read_text())
    validate = fastjsonschema.compile(schema, formats={"uri": _is_address}, use_default=False)

    def fault(feed: Any) -> str:
        try:
            validate(feed)
        except fastjsonschema.JsonSchemaValueException as error:
            return str(error.message)
        return ""

    return fault


async def test_every_feed_is_one_by_the_schema_of_others(
    website: WebsiteHarness, fault_of: Callable[[Any], str]
) -> None:
    """The site's, the profile's and their older parts, with pictures, two languages and one that was withdrawn."""
    fire = website.profile("fire")
    for number in range(120):
        intent = an_intent(
            fire,
            TEXTS[number % len(TEXTS)],
            request_id=f"r{number}",
            severity="severe",
            pictures=(PICTURE,) if number % 3 == 0 else (),
            language="ar" if number % len(TEXTS) == 1 else "en",
        )
        await website.connector.publish(intent, store)
    await website.connector.retract(an_intent(fire, TEXTS[0], request_id="r119"), "")
    found = sorted(website.city.site_folder.rglob("feed.json"))
    feeds = [json.loads(path.read_text()) for path in found]
    assert {fault_of(feed) for feed in feeds} == {""}
    assert {feed["version"] for feed in feeds} == {"https://jsonfeed.org/version/1.1"}
    assert any("next_url" in feed for feed in feeds)
    assert sum(len(feed["items"]) for feed in feeds) >= 2 * 120


def test_the_schema_refuses_what_is_none(fault_of: Callable[[Any], str]) -> None:
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "City", "items": []}
    assert fault_of(feed) == ""
    for broken in ({"title": 1}, {"items": [{"content_text": "no id"}]}, {"next_url": "not an address"}, {"other": 1}):
        assert fault_of(feed | broken), broken


def _is_address(value: str) -> bool:
    return value.startswith(("https://", "http://")) and " " not in value
