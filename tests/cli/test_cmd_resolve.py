"""Deciding on unconfirmed posts by the real command, on a city that is up, with a platform that drops its calls.

The townsquare drops each call for three accounts and each look at them, so their attempts stay open. Fan-out asks for
two minutes before it leaves that to a person; the test writes what a copy of it with less patience would write, with
fanout's own key, and decides.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas import subjects
from schemas.events.deliveries import Attempt, ReceiptOutcome
from services.kernel.base.city import City, load_city
from services.kernel.ledger.client import Ledger
from tests.cli.conftest import Done, Shell, lower_city, raise_city
from tests.cli.test_cmd_terminal import talk
from tests.support.broker import connect
from tests.support.messages import receipt_on
from tests.support.mission import PATIENCE, eventually
from tests.support.ports import free_port

FIRE, PARKS, WATER, WASTE = (f"{name}-townsquare" for name in ("fire", "parks", "water", "waste"))
TEXT = "The bridge on Lougheed is open again. https://mission.example/roads"
URL = "https://social.example/@parks/114"


class Drill:
    """A city that is up, its townsquare's faults, and a copy of fanout that loses its patience at once."""

    def __init__(self, shell: Shell, addresses: dict[str, Any]) -> None:
        assert shell.folder is not None
        self.give = shell
        self.city: City = load_city(shell.folder)
        self.square = str(addresses["townsquare_url"]).rstrip("/")
        self.nats = str(addresses["nats_url"])

    def admin(self, method: str, body: dict[str, Any] | None = None) -> None:
        token = (self.city.folder / "var" / "townsquare" / "admin.token").read_text().strip()
        request = urllib.request.Request(
            f"{self.square}/admin/faults",
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {token}"},
            method=method,
        )
        with urllib.request.urlopen(request):
            pass

    def until(self, request_id: str, outcome: str, *profiles: str) -> None:
        """Wait until a request stands so on these profiles."""

        deadline = time.monotonic() + PATIENCE
        while True:
            shown = self.give.json("status", request_id).body["deliveries"]
            found = {one["profile"]: one["outcome"] for one in shown if one["profile"] in profiles}
            if list(found.values()) == [outcome] * len(profiles):
                return
            assert time.monotonic() < deadline, found

    def until_over(self, request_id: str) -> None:
        """Wait until a request is pending no more: the website's page is written a moment after the posts."""
        deadline = time.monotonic() + PATIENCE
        while found := [one for one in self.give.json("pending").body if one["request_id"] == request_id]:
            assert time.monotonic() < deadline, found

    def deaf(self, *profiles: str) -> None:
        """Have the townsquare drop each post and each look for these profiles."""
        for profile in profiles:
            for on in ("post", "read"):
                account = profile.removesuffix("-townsquare")
                self.admin("POST", {"kind": "drop_before", "account": account, "on": on, "calls": 500})

    def give_in(self, request_id: str, *profiles: str) -> dict[str, int]:
        """Write that nobody could find out how these attempts ended; return each receipt's sequence."""
        return asyncio.run(self._give_in(request_id, profiles))

    async def _give_in(self, request_id: str, profiles: tuple[str, ...]) -> dict[str, int]:
        client = await connect(self.nats, self.city.service_key_path("fanout"), "fanout")
        ledger = Ledger()
        ledger.bind(client)
        try:
            return {profile: await self._unconfirmed(ledger, request_id, profile) for profile in profiles}
        finally:
            await client.close()

    async def _unconfirmed(self, ledger: Ledger, request_id: str, profile: str) -> int:
        entry = await eventually(lambda: ledger.last(subjects.attempt(profile, request_id)))
        attempt = Attempt.from_bytes(entry.data)
        said = "it may be public or not: the platform does not answer; please look at the profile"
        how = {"outcome": ReceiptOutcome.UNCONFIRMED, "platform": attempt.platform, "revision": attempt.revision}
        receipt = receipt_on(request_id, profile, entry.seq, datetime.now(UTC), reason=said, **how)
        return (await ledger.append(subjects.receipt(profile, request_id), receipt, expect_last=0)).seq


@pytest.fixture
def drill(made_folder: Path, tmp_path: Path) -> Iterator[Drill]:
    shell = Shell(Path(shutil.copytree(made_folder, tmp_path / "mission")))
    process, addresses = raise_city(shell, free_port())
    yield Drill(shell, addresses)
    assert lower_city(process) == 0


def refused(done: Done, status: int, code: str) -> str:
    assert (done.status, done.code) == (status, code), done
    assert done.body["error"]["hint"]
    return str(done.body["error"]["message"])


def test_an_unconfirmed_post_is_shown_decided_and_followed_to_its_end(drill: Drill) -> None:
    """Shown with the command to type; each refusal is kind; each decision ends as it should; the record verifies."""
    give = drill.give
    to = [word for profile in (FIRE, PARKS, WATER, WASTE) for word in ("--to", profile)]
    before = give.json("publish", "Fan-out knows the accounts. https://mission.example", *to, "--as", "mcpe", "--yes")
    assert before.status == 0, before  # else the question whose they are is dropped: then surely nothing was posted
    drill.deaf(PARKS, WATER, WASTE)
    sent = give.json("publish", TEXT, *to, "--as", "mcpe", "--yes", "--wait", "1s")
    assert sent.status == 5, sent
    name = str(sent.body["request_id"])
    drill.until(name, "posting", PARKS, WATER, WASTE)
    drill.until(name, "delivered", FIRE)
    early = give.json("resolve", name, PARKS, "--give-up", "--as", "pio")
    assert "posting" in refused(early, 4, "resolution.nothing_unconfirmed")
    drill.give_in(name, PARKS, WATER, WASTE)

    for page in (give("pending"), give("status", name)):
        assert page.status == 0
        for profile in (PARKS, WATER, WASTE):
            assert f"onevoice resolve {name} {profile} --posted URL | --post-again | --give-up" in page.out
        assert FIRE not in page.out.split("Look at the profile")[1]
    (waiting,) = give.json("pending").body
    assert (waiting["request_id"], waiting["unconfirmed"]) == (name, [PARKS, WATER, WASTE])

    refused(give.json("resolve", name, PARKS, "--as", "pio"), 2, "resolve.choice")
    refused(give.json("resolve", name, PARKS, "--give-up", "--post-again", "--as", "pio"), 2, "resolve.choice")
    refused(give.json("resolve", name, PARKS, "--posted", "not an address", "--as", "pio"), 2, "url.invalid")
    refused(give.json("resolve", name, "library-townsquare", "--give-up", "--as", "pio"), 2, "profile.not_a_target")
    refused(give.json("resolve", "rnothing", PARKS, "--give-up", "--as", "pio"), 2, "request.unknown")
    refused(give.json("resolve", name, PARKS, "--give-up", "--as", "nobody"), 2, "key.missing")
    stands = refused(give.json("resolve", name, FIRE, "--give-up", "--as", "pio"), 4, "resolution.nothing_unconfirmed")
    assert "it is delivered (http://" in stands
    role = refused(give.json("resolve", name, PARKS, "--give-up", "--as", "clerk"), 4, "resolution.no_authority")
    assert "clerk holds employee" in role

    posted = give.json("resolve", name, PARKS, "--posted", URL, "--as", "comms-officer", "--wait", "0s")
    landed = {one["profile"]: one for one in posted.body["deliveries"]}
    assert (posted.status, landed[PARKS]["outcome"], landed[PARKS]["url"]) == (5, "delivered", URL)
    assert landed[PARKS]["reason"] == "confirmed by comms-officer"
    assert posted.body["unconfirmed"] == [WATER, WASTE]
    late = refused(give.json("resolve", name, PARKS, "--give-up", "--as", "pio"), 4, "resolution.nothing_unconfirmed")
    assert URL in late

    status, said = talk(give, ["resolve", name, WATER, "--post-again", "--as", "pio"], {"[y/N]": "n"})
    assert (status, "will appear twice" in said, "nothing was sent" in said) == (2, True, True), said

    drill.admin("DELETE")
    refused(give.json("resolve", name, WATER, "--post-again", "--as", "pio"), 2, "confirm.needed")
    again = give("resolve", name[:8], WATER, "--post-again", "--as", "pio", "--wait", "0s", "--yes")
    assert again.status == 5, again
    given_up = give.json("resolve", name, WASTE, "--give-up", "--as", "pio", "--wait", "60s")
    landed = {one["profile"]: one for one in given_up.body["deliveries"]}
    assert (landed[WASTE]["outcome"], landed[WATER]["outcome"]) == ("failed", "delivered"), given_up
    assert given_up.status == 5
    assert given_up.body["unconfirmed"] == []
    with urllib.request.urlopen(landed[WATER]["url"]) as page:
        assert "Lougheed" in page.read().decode()
    drill.until_over(name)
    verified = give.json("audit", "verify")
    assert verified.status == 0, verified


def test_its_page_has_an_example_for_each_case() -> None:
    done = Shell()("resolve", "--help")
    assert done.status == 0
    assert "onevoice resolve rab12 fire-townsquare --as pio" in done.out
    for option in ("--posted", "--post-again", "--give-up", "--yes", "--json"):
        assert option in done.out
