"""People who ask under the posts of an emulated platform: what they write, where it is, and what is under it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from services.fanout.connectors.contract import CannotTell, Intent, Posted
from services.fanout.connectors.inquiry import BringsInquiries, Inquiry
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import an_intent, published

ANSWER = "Yes (for now): boil it for a minute."
BEGAN = datetime.now(UTC) - timedelta(minutes=5)
LINKEDIN = "https://www.linkedin.com"
FACEBOOK = "https://www.facebook.com"
OTHERS = "urn:li:activity:7000000000000000001"
"""A post of others on LinkedIn."""
JO = "urn:li:person:jo"
OWN = {
    "facebook": "1001",
    "linkedin": "urn:li:organization:1001",
    "threads": "city1001",
    "instagram": "city1001",
}
"""The account of fire, as its answers name it."""


class Question(NamedTuple):
    """What somebody wrote: its id on the platform, and its address as a browser shows it."""

    id: str
    url: str


def answer_to(harness: EmulatedHarness, address: str, **more: object) -> Intent:
    return an_intent(harness.profile("fire"), ANSWER, request_id="rbbbbbbbbbbbb", answers=address, **more)  # type: ignore[arg-type]


async def opened(harness: EmulatedHarness) -> Posted:
    """Post what people may ask about."""
    return await published(harness.connector, an_intent(harness.profile("fire"), "Boil water."))


async def inquiries(harness: EmulatedHarness) -> tuple[Inquiry, ...]:
    assert isinstance(harness.connector, BringsInquiries)
    found = await harness.connector.inquiries(harness.profile("fire"), BEGAN)
    assert not isinstance(found, CannotTell), found
    return tuple(found)


async def asked(harness: EmulatedHarness, under: str = "", text: str = "May I drink it?") -> Question:
    """Have somebody ask, under the post that is named, or where there is one at hand."""
    if harness.platform == "linkedin":
        harness.emulator.discussion.others.add(OTHERS)
        number = harness.emulator.discussion.ask(JO, text, OTHERS)
        inner = f"activity%3A{OTHERS.rpartition(':')[2]}%2C{number}"
        address = f"{LINKEDIN}/feed/update/{OTHERS}/?commentUrn=urn%3Ali%3Acomment%3A({inner})"
        return Question(f"urn:li:comment:({OTHERS},{number})", address)
    name = harness.emulator.ask("jo", text, under or (await opened(harness)).remote_id)
    if harness.platform == "facebook":
        return Question(name, address_of(harness, name))
    return Question(name, next(one.url for one in await inquiries(harness) if one.id == name))


def address_of(harness: EmulatedHarness, name: str) -> str:
    """The address of a comment on Facebook."""
    return next(str(one["permalink_url"]) for one in harness.emulator.asked if one["id"] == name)


def words_under(harness: EmulatedHarness, above: str) -> list[tuple[str, str]]:
    """What is under it: who, and in what words."""
    if harness.platform == "linkedin":
        return [(one["actor"], one["message"]["text"]) for one in harness.emulator.discussion.under(above)]
    if harness.platform == "facebook":
        return [(one["from"]["id"], one["message"]) for one in harness.emulator.under(above)]
    if harness.platform == "threads":
        return [(f"city{post.account}", post.text) for post in harness.emulator.posts if post.under == above]
    return [(one["username"], one["text"]) for one in harness.emulator.under(above)]


def forget(harness: EmulatedHarness) -> None:
    """Lose what was noted on disk, as a machine that is set up anew has."""
    shutil.rmtree(harness.city.var / "website" / "live" / f"{harness.platform}-containers", ignore_errors=True)
