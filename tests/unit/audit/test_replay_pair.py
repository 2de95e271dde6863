"""Two readings of one rule: the audit's replay and the services' fold agree on what counts, on any ledger."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from schemas import subjects
from schemas.events.control import EocActivate, EocStandDown, Hold
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.audit.proof.replay import judge
from services.audit.proof.replay_state import ReplayState
from services.kernel.base.city import City
from services.kernel.fold import ledger_fold as kernel
from services.kernel.ledger.client import Entry
from tests.support.ledger_builder import FIRE, WEB, LedgerBuilder, authority_of, stranger

SEEDS = range(60)
STEPS = 70


class Chaos:
    """Appends whatever somebody could append, from a seed; mostly what is right, so that something counts."""

    def __init__(self, city: City, seed: int) -> None:
        self.chance = random.Random(seed)
        self.builder = LedgerBuilder(city)
        self.builder.genesis()
        self.requests: list[Request] = []
        self.attempts: list[tuple[Request, int, str]] = []
        for name in ("r2a", "r3b"):
            self._request(name)

    def run(self) -> LedgerBuilder:
        steps = (
            (self._attempt, 30),
            (self._receipt, 34),
            (self._verdict, 10),
            (self._approve, 4),
            (self._control, 2),
            (self._junk, 1),
            (self._wait, 4),
            (self._revise, 1),
            (self._fresh, 6),
        )
        kinds, weights = zip(*steps, strict=True)
        for step in self.chance.choices(kinds, weights, k=STEPS):
            step()
        return self.builder

    def _request(self, name: str, **fields: Any) -> None:
        targets = self.chance.choice([(FIRE,), (WEB,), (FIRE, WEB)])
        expires = self.builder.now + timedelta(minutes=self.chance.choice([2, 20, 60, 60]))
        request = self.builder.request(name, targets, expires_at=expires, **fields)
        self.requests.append(request)
        self.builder.approve(request, "mcpe")
        self.builder.verdict(request)

    def _fresh(self) -> None:
        earlier = self.chance.choice(self.requests).request_id
        more = self.chance.choice([{}, {}, {"replaces": earlier}, {"follows": earlier}])
        self._request(f"r{len(self.requests)}n", **more)

    def _revise(self) -> None:
        request = self.chance.choice(self.requests)
        more = {"realm": "exercise"} if self._one_in(3) else {}
        self._request(request.request_id, revision=request.revision + self.chance.choice([0, 1]), **more)

    def _attempt(self) -> None:
        request = self.chance.choice(self.requests[-3:])
        profile = self.chance.choice([*request.targets, *request.targets, MIRROR, FIRE])
        more: dict[str, Any] = {}
        if self._one_in(12):
            more["number"] = self.chance.randint(1, 3)
        if self._one_in(12):
            more["verdict_seq"] = self.chance.randint(1, len(self.builder.entries))
        if self._one_in(20):
            more["control_seq"] = self.chance.randint(1, len(self.builder.entries))
        if self._one_in(25):
            more["rule"] = None
        if self._one_in(25):
            more["digest"] = "0" * 64
        self.attempts.append((request, self.builder.attempt(request, profile, **more), profile))

    def _receipt(self) -> None:
        if not self.attempts:
            return
        request, seq, profile = self.chance.choice(self.attempts[-4:])
        outcome = self.chance.choice([*ReceiptOutcome, ReceiptOutcome.WITHHELD, ReceiptOutcome.LAPSED])
        final = outcome is not ReceiptOutcome.LAPSED and self._one_in(6)
        if self._one_in(12):
            seq = self.chance.choice([0, 0, len(self.builder.entries)])
        self.builder.receipt(request, seq, profile, outcome, final=final)
        if not final and self._one_in(2):
            self.attempts.append((request, self.builder.attempt(request, profile), profile))

    def _verdict(self) -> None:
        request = self.chance.choice(self.requests)
        outcome = self.chance.choice([Outcome.CLEARED, Outcome.CLEARED, Outcome.CLEARED, Outcome.BLOCKED])
        more: dict[str, Any] = {}
        if self._one_in(6):
            more["control_seq"] = self.chance.choice(self._revisions())
        if self._one_in(10):
            more["valid_until"] = None
        self.builder.verdict(request, outcome, **more)

    def _approve(self) -> None:
        request = self.chance.choice(self.requests)
        more: dict[str, Any] = {"decision": self.chance.choice(["approve", "approve", "approve", "reject"])}
        if self._one_in(4):
            more["signer"] = stranger()
        if self._one_in(6):
            more["nonce"] = "a" * 32
        if self._one_in(6):
            more["realm"] = "exercise"
        self.builder.approve(request, self.chance.choice(["mcpe", "cao", "comms-officer", "clerk"]), **more)

    def _control(self) -> None:
        action = self.chance.choice(
            [Hold(on=True), Hold(on=False), EocActivate(level=1, incident="Slide"), EocStandDown()]
        )
        self.builder.order("cao", action)
        for request in {one.request_id: one for one in self.requests}.values():
            if not self._one_in(4):
                self.builder.verdict(request)

    def _junk(self) -> None:
        request = self.chance.choice(self.requests).request_id
        places = (
            subjects.CONTROL,
            subjects.verdict(request),
            subjects.attempt(FIRE, request),
            subjects.receipt(FIRE, request),
        )
        data = self.chance.choice([b"\xff", self.chance.choice(self.builder.entries).data])
        self.builder.append(self.chance.choice(places), data)

    def _wait(self) -> None:
        self.builder.wait(self.chance.choice([1, 16, 16, 100]))

    def _revisions(self) -> list[int]:
        return [line.seq for line in self.builder.entries if line.subject == subjects.CONTROL]

    def _one_in(self, number: int) -> bool:
        return self.chance.randrange(number) == 0


def by_fold(builder: LedgerBuilder) -> tuple[set[int], set[int], dict[str, int]]:
    """Return what counts by the fold that services decide from: attempts, all other kinds, and what is under way.

    It never forgets a request here: whether what was over comes back the same is another test's.
    """
    pinned = builder.city.authority
    authority = kernel.Authority(builder.city.realm, frozenset(pinned.root_keys), pinned.threshold)
    fold = kernel.LedgerFold(authority, kernel.EVERYTHING)
    fold._forget = lambda request_id: None  # type: ignore[method-assign]
    attempts: set[int] = set()
    others: set[int] = set()
    for line in builder.entries:
        applied = fold.apply(Entry(line.seq, line.subject, line.at, line.data, line.headers), 0.0)
        if not applied.void:
            (attempts if applied.kind == "attempt" else others).add(line.seq)
    return attempts, others, {profile: seq for profile, (seq, _) in fold.busy.items()}


def by_audit(builder: LedgerBuilder) -> ReplayState:
    state = ReplayState(authority_of(builder.city))
    for line in builder.entries:
        list(judge(state, line))
    return state


@pytest.mark.parametrize("seed", SEEDS)
def test_replay_and_fold_agree_on_what_counts(city: City, seed: int) -> None:
    builder = Chaos(city, seed).run()
    attempts, others, busy = by_fold(builder)
    state = by_audit(builder)
    assert set(state.attempts) == attempts
    assert state.progress.under_way == busy
    assert {context.counted.verdict_seq for context in state.contexts.values()} - {0} <= others
    void = {one.seq for one in state.void_as_warnings() if not one.code.startswith(("attempt.", "verdict.control"))}
    assert not void & others


def test_the_chaos_is_worth_it(city: City) -> None:
    """Enough counts, and enough does not, or the agreement would prove nothing."""
    counted, made = 0, 0
    for seed in SEEDS:
        builder = Chaos(city, seed).run()
        made += sum(line.subject.startswith("ledger.attempt.") for line in builder.entries)
        counted += len(by_fold(builder)[0])
    assert made / 9 < counted < made / 1.5, (counted, made)
