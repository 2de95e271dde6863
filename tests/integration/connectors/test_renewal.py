"""Credentials that end are renewed ahead of it, against the emulators and with the time set by hand."""

from __future__ import annotations

import contextlib
import json
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from services.fanout.connectors.contract import Connector
from services.fanout.connectors.credentials.renewed import renewed_path
from services.fanout.connectors.credentials.sealing import new_key, read_key, seal, sealing_path
from services.fanout.connectors.credentials.tokens import expiry_of, expiry_path, read_renewal, read_token, renewal_path
from services.fanout.connectors.instagram.connector import InstagramConnector
from services.fanout.connectors.linkedin.connector import LinkedInConnector
from services.fanout.connectors.linkedin.renewal import Application
from services.fanout.connectors.meta.base import Surroundings
from services.fanout.connectors.meta.pictures import PublicPictures
from services.fanout.connectors.threads.connector import ThreadsConnector
from services.fanout.watching.renewal import CredentialRenewal
from services.kernel.base.clock import ManualClock
from services.kernel.base.logs import logger
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.support.emulators.oauth import CLIENT, SECRET

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SIXTY_DAYS = timedelta(seconds=5_183_944)


class Renewing:
    """One profile's credential with an end, the emulator of its platform, and a copy of fan-out that renews."""

    def __init__(self, harness: EmulatedHarness) -> None:
        self.harness, self.clock = harness, ManualClock(NOW)
        self.profile = harness.profile("fire")
        self.path = harness.city.token_path(self.profile.id)
        self.connector = self._connector()
        self.copy = self.restart()

    def _connector(self) -> Connector:
        city, url = self.harness.city, self.harness.emulator.url
        if self.harness.platform == "linkedin":
            return LinkedInConnector(url, "202511", city.token_path, site=url, clock=self.clock)
        make = {"threads": (ThreadsConnector, "v1.0"), "instagram": (InstagramConnector, "v24.0")}
        kind, version = make[self.harness.platform]
        around = Surroundings(city.token_path, city.var / "notes", PublicPictures(city.site_folder, url))
        return kind(url, version, around, site="https://social.example", clock=self.clock)

    def restart(self) -> CredentialRenewal:
        return CredentialRenewal(
            self.harness.city, self.clock, logger(service="fanout"), {self.harness.platform: self.connector}.get
        )

    def ends_in(self, left: timedelta) -> None:
        expiry_path(self.path).write_text((self.clock.now() + left).isoformat())

    def connected_with(self, refresh: str) -> None:
        """Have the platform's application be one that gets refresh tokens."""
        self.harness.emulator.refresh_token = refresh
        path = renewal_path(self.path)
        path.touch(mode=0o600)
        path.write_text(Application(CLIENT, SECRET, refresh).kept())

    async def turn(self) -> None:
        await self.copy.turn([self.profile])


@contextlib.asynccontextmanager
async def _renewing(platform: str, folder: Path) -> AsyncIterator[Renewing]:
    harness = await EmulatedHarness.open(platform, folder)
    made = Renewing(harness)
    yield made
    await made.connector.close()
    await harness.close()


@pytest.fixture(params=["threads", "instagram", "linkedin"])
async def renewing(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Renewing]:
    async with _renewing(request.param, tmp_path) as made:
        if request.param == "linkedin":
            made.connected_with("refresh")
        yield made


@pytest.fixture
async def threads(tmp_path: Path) -> AsyncIterator[Renewing]:
    async with _renewing("threads", tmp_path) as made:
        yield made


@pytest.fixture
async def linkedin(tmp_path: Path) -> AsyncIterator[Renewing]:
    async with _renewing("linkedin", tmp_path) as made:
        yield made


async def test_a_year_passes_without_a_person(renewing: Renewing) -> None:
    """Day by day: the credential never comes nearer than forty days to its end, and each one opens the account."""
    renewing.ends_in(timedelta(days=60))
    for _ in range(365):
        await renewing.turn()
        end = expiry_of(renewing.path)
        assert end is not None
        assert end - renewing.clock.now() > timedelta(days=39)
        renewing.clock.time += DAY
    assert 15 <= renewing.harness.emulator.renewed <= 20
    assert renewing.copy.not_renewed == {}
    assert stat.S_IMODE(renewed_path(renewing.path).stat().st_mode) == 0o600
    assert (await renewing.connector.check(renewing.profile)).ok


async def test_an_end_that_nobody_noted_is_learnt(renewing: Renewing) -> None:
    """A token that was put there by hand is renewed at once, and never twice on a day."""
    before = read_token(renewing.path)
    await renewing.turn()
    assert read_token(renewing.path) != before
    end = expiry_of(renewing.path)
    assert end is not None
    assert end > NOW + timedelta(days=59)
    await renewing.turn()
    assert renewing.harness.emulator.renewed == 1


async def test_a_refusal_is_told_and_tried_again_the_next_day(renewing: Renewing) -> None:
    renewing.ends_in(timedelta(days=35))
    before = renewing.path.read_bytes()
    renewing.harness.emulator.misbehave("error", code="unauthorized", on="other", calls=1)
    await renewing.turn()
    assert "refuses the credential" in renewing.copy.not_renewed[renewing.profile.id]
    assert renewing.path.read_bytes() == before, "what still works is kept"
    await renewing.turn()
    assert renewing.harness.emulator.renewed == 0
    old = read_token(renewing.path)
    renewing.clock.time += DAY
    await renewing.turn()
    assert renewing.copy.not_renewed == {}
    assert read_token(renewing.path) != old
    assert renewing.path.read_bytes() == before, "where credentials may be references, fan-out writes nothing"


@pytest.mark.parametrize("away", [("error_before", ""), ("error", "unavailable")])
async def test_a_refresh_token_that_was_given_is_kept_though_the_server_is_away_then(
    linkedin: Renewing, away: tuple[str, str]
) -> None:
    """The one before it is over by then: a person would have had to connect the page again."""
    kind, code = away
    linkedin.connected_with("refresh")
    linkedin.ends_in(timedelta(days=20))
    linkedin.harness.emulator.misbehave(kind, code=code, on="read")
    await linkedin.turn()
    assert linkedin.copy.not_renewed == {}
    assert read_renewal(linkedin.path) == Application(CLIENT, SECRET, "refresh+").kept()
    assert linkedin.harness.emulator.refresh_token == "refresh+"
    linkedin.clock.time += timedelta(days=45)
    await linkedin.turn()
    assert linkedin.copy.not_renewed == {}
    assert linkedin.harness.emulator.renewed == 2


async def test_two_copies_renew_once(renewing: Renewing) -> None:
    renewing.ends_in(timedelta(days=35))
    other = renewing.restart()
    await renewing.turn()
    await other.turn([renewing.profile])
    assert renewing.harness.emulator.renewed == 1


async def test_a_token_of_another_account_is_not_stored(threads: Renewing) -> None:
    threads.ends_in(timedelta(days=35))
    before = threads.path.read_bytes()
    threads.harness.emulator.new_token_of = "1002"
    await threads.turn()
    assert "does not open the account" in threads.copy.not_renewed[threads.profile.id]
    assert threads.path.read_bytes() == before


@pytest.mark.parametrize("reference", ["env:FIRE_THREADS", "file:{path}", "exec:/bin/cat {path}"])
async def test_what_is_kept_elsewhere_is_renewed_there(
    threads: Renewing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    """It says so, for the notice of its end, and asks the platform nothing."""
    monkeypatch.setenv("FIRE_THREADS", read_token(threads.path))
    kept = tmp_path / "kept"
    kept.touch(mode=0o600)
    kept.write_text(read_token(threads.path))
    threads.path.write_text(reference.format(path=kept) + "\n")
    threads.ends_in(timedelta(days=20))
    await threads.turn()
    assert "kept elsewhere" in threads.copy.not_renewed[threads.profile.id]
    assert threads.harness.emulator.renewed == 0


async def test_without_a_refresh_token_a_person_connects_linkedin_again(linkedin: Renewing) -> None:
    linkedin.ends_in(timedelta(days=20))
    await linkedin.turn()
    assert "a person connects it again" in linkedin.copy.not_renewed[linkedin.profile.id]
    assert sum(linkedin.harness.emulator.calls.values()) == 0


async def test_a_refresh_token_that_changes_is_kept(linkedin: Renewing) -> None:
    linkedin.connected_with("refresh")
    linkedin.ends_in(timedelta(days=20))
    await linkedin.turn()
    assert read_renewal(linkedin.path) == Application(CLIENT, SECRET, "refresh+").kept()


async def test_a_token_that_opens_nothing_replaces_none(linkedin: Renewing) -> None:
    linkedin.connected_with("refresh")
    linkedin.ends_in(timedelta(days=20))
    before = read_token(linkedin.path)
    linkedin.harness.emulator.misbehave("error", code="unauthorized", on="read")
    await linkedin.turn()
    assert "with the new token" in linkedin.copy.not_renewed[linkedin.profile.id]
    assert read_token(linkedin.path) == before


async def test_a_right_that_was_taken_away_is_named(linkedin: Renewing, threads: Renewing) -> None:
    """By the check: LinkedIn is asked by the application where that is kept, Threads by the token itself."""
    linkedin.connected_with("refresh")
    assert (await linkedin.connector.check(linkedin.profile)).ok
    linkedin.harness.emulator.logins.withheld = frozenset({"r_organization_social"})
    health = await linkedin.connector.check(linkedin.profile)
    assert (health.ok, health.detail) == (False, "the token lacks the rights r_organization_social")
    assert (await threads.connector.check(threads.profile)).ok
    threads.harness.emulator._granted = ("threads_basic",)
    health = await threads.connector.check(threads.profile)
    assert "lacks the rights threads_content_publish, " in health.detail


async def test_a_sealed_credential_stays_sealed(renewing: Renewing, tmp_path: Path) -> None:
    """The key is read by reference; the renewed credential, and what renews it, are sealed with it again."""
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text(new_key())
    sealing_path(renewing.path.parent).write_text(f"file:{key}\n")
    secret = read_key(key.read_text())
    for path in (renewing.path, renewal_path(renewing.path)):
        if path.exists():
            path.write_text(seal(read_token(path), secret))
    assert (await renewing.connector.check(renewing.profile)).ok
    await renewing.turn()
    assert renewing.copy.not_renewed == {}
    kept = json.loads(renewed_path(renewing.path).read_text())
    assert kept["credential"].startswith("sealed:")
    assert kept["renews"] == "" or kept["renews"].startswith("sealed:")
    assert (await renewing.connector.check(renewing.profile)).ok


async def test_no_reason_holds_what_a_server_repeats_of_a_renewal(renewing: Renewing) -> None:
    """The old token stands in the address of Meta's call, LinkedIn's refresh token and secret in its body."""
    held = "a-refresh-token-of-a-year" if renewing.harness.platform == "linkedin" else "IGQVJYa-token-of-sixty-days"
    if renewing.harness.platform == "linkedin":
        renewing.connected_with(held)
    else:
        renewing.path.write_text(held)
    path = f"/refresh_access_token?grant_type=refresh&access_token={held}"
    moved = web.Response(status=308, headers={"Location": f"https://moved.example{path}"})
    not_found = web.json_response({"message": f"Cannot GET {path}", "error": "Not Found"}, status=404)
    for bend in (lambda _answer: moved, lambda _answer: not_found):
        renewing.harness.bends.begin((0, bend))
        await renewing.turn()
        why = renewing.copy.not_renewed[renewing.profile.id]
        assert [held[at : at + 8] for at in range(len(held) - 7) if held[at : at + 8] in why] == []
        assert "https://moved.example" in why or "Cannot GET /refresh_access_token?" in why
        renewing.clock.time += DAY
