"""Numbers and platforms that the documents promise are those of the code."""

from __future__ import annotations

import re

import pytest

from schemas.platforms import LIMITS
from schemas.streams import LEASE_SECONDS, LEDGER, MEDIA, MOST_UPLOADS, STREAMS
from services.audit.store_watch import URGENT_AT, WARN_AT
from services.desk.commands.message import reply
from services.fanout.connectors import registry
from services.fanout.connectors.contract import Declaration, WhenUnknown
from services.fanout.domain.renewal import AHEAD
from services.fanout.domain.retry import LONGEST_WAIT_SECONDS, MOST_ATTEMPTS
from services.fanout.domain.settling import SETTLING
from services.intake.domain.pictures.media import MAX_PIXELS
from services.kernel.base.settings.city_file import OutsideSection, QuotaSection
from services.kernel.control.order_rates import ORDERS_A_MINUTE, WITHDRAWALS_A_MINUTE
from services.provision.broker.preflight import MOST_STORE_GB, STORE_GB_ELSEWHERE
from services.web.drafts import KEPT
from services.web.sessions import IDLE, LONGEST
from tests.simulation.mutants import MUTANTS
from tests.unit.test_docs import ROOT

QUOTA = QuotaSection()
SHARE = {stream.name: f"{stream.share:.0%}".replace("%", " %") for stream in STREAMS}
MASTODON = SETTLING["mastodon"]
FIVE = {5.0: "five"}

PROMISES = [
    ("docs/desk.md", f"every {FIVE[OutsideSection().minutes]} minutes (on X every hour)"),
    ("docs/architecture.md", f"within the lease of {LEASE_SECONDS:.0f} s"),
    (
        "docs/desk.md",
        f"ends {IDLE.seconds // 60} minutes after its last use, and {LONGEST.seconds // 3_600} hours after",
    ),
    ("docs/desk.md", f"a draft is kept with each pause, for {KEPT.days} days"),
    ("docs/monitoring.md", f"it is told from {WARN_AT * 100:.0f} % on, more plainly from {URGENT_AT * 100:.0f} %"),
    ("docs/monitoring.md", f"go after a day, and are {MOST_UPLOADS} at most"),
    ("docs/monitoring.md", f"{MOST_STORE_GB:.0f} at most, or {STORE_GB_ELSEWHERE:.0f} where the broker is elsewhere"),
    ("docs/platforms.md", f"Looked at after {MASTODON.read_back[0]:.0f} s, on Mastodon and Bluesky also after"),
    ("docs/platforms.md", f"also after {MASTODON.later[0] / 60:.0f} min and an hour"),
    ("docs/platforms.md", f"at most {LONGEST_WAIT_SECONDS:.0f} s at a time"),
    ("docs/platforms.md", f"a message's {MOST_ATTEMPTS}th attempt is its last"),
    ("docs/platforms.md", f"renewed by fan-out itself from {AHEAD.days} days before its end on"),
    ("docs/reliability.md", f"{len(MUTANTS)} known bugs can be switched on"),
    ("docs/scaling.md", f"the ledger has {SHARE[LEDGER]}, pictures {SHARE[MEDIA]}"),
    ("docs/security.md", f"{WITHDRAWALS_A_MINUTE} withdrawals, {ORDERS_A_MINUTE} EOC orders and"),
    ("docs/security.md", f"EOC orders and {ORDERS_A_MINUTE} orders to the registry a minute for one officer"),
    ("docs/security.md", f"{QUOTA.system_messages} messages and {QUOTA.system_bytes // 10**6} MB a minute"),
    ("docs/security.md", f"at most {MAX_PIXELS // 10**6} million pixels"),
    ("docs/security.md", f"{QUOTA.officer_pixels // 10**6} million a minute for one officer"),
    ("docs/security.md", f"The read-back looks {MASTODON.read_back[0]:.0f} s after a `posted`"),
]
DECLARED: dict[str, Declaration] = {
    one.platform: one.declaration
    for name, one in vars(registry).items()
    if name.endswith("Connector") and name != "Connector"
}
UNKNOWN = {
    WhenUnknown.REPEAT: "sent again",
    WhenUnknown.LOOK: "looked for first",
    WhenUnknown.PERSON: "a person decides",
}


def words(text: str) -> str:
    """Return a text with each run of white space as one space."""
    return " ".join(text.split())


def rows(heading: str) -> dict[str, list[str]]:
    """Return the cells of a table of docs/platforms.md by platform, without their first one."""
    part = (ROOT / "docs/platforms.md").read_text(encoding="utf-8").partition(heading)[2].partition("\n## ")[0]
    found: dict[str, list[str]] = {}
    for line in part.splitlines():
        if line.startswith("| "):
            first, *cells = [cell.strip() for cell in line.strip("|").split("|")]
            names = re.sub(r"\]\([^)]*\)|\[", "", first)
            found |= {name.strip(): cells for name in names.split(",")}
    return found


@pytest.mark.parametrize(("name", "promise"), PROMISES)
def test_a_number_that_a_document_promises_is_the_codes(name: str, promise: str) -> None:
    assert promise in words((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["docs/desk.md", "docs/platforms.md", "reply --help"])
def test_where_a_post_can_be_answered_is_said_whole(name: str) -> None:
    """A platform that a sentence leaves out is one where nobody answers people."""
    own = {"linkedin": "LinkedIn"}
    names = [own.get(one, one.capitalize()) for one in sorted(LIMITS) if LIMITS[one].answers]
    text = reply.reply.__doc__ or "" if name == "reply --help" else (ROOT / name).read_text(encoding="utf-8")
    assert f"{', '.join(names[:-1])} and {names[-1]}" in words(text)


@pytest.mark.parametrize("platform", sorted(LIMITS))
def test_what_a_platform_takes_is_as_its_table_says(platform: str) -> None:
    limits, cells = LIMITS[platform], rows("# Platforms")[platform]
    assert re.search(rf"\b{limits.characters:,}\b", cells[1])
    assert cells[2].startswith(f"{limits.pictures}, ")


@pytest.mark.parametrize("platform", sorted(DECLARED))
def test_what_a_connector_declares_is_as_its_table_says(platform: str) -> None:
    declared, (unknown, _, taken_back, reply_, repost, _) = DECLARED[platform], rows("## What each declares")[platform]
    assert unknown.startswith(UNKNOWN[declared.when_unknown])
    assert (taken_back not in ("no", "by hand: a task of its own")) == declared.delete
    assert (reply_ != "no") == declared.reply
    assert (repost != "no") == declared.repost
