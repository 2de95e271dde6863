"""Random cities against the gate: invariants 1, 2 and 3, checked by an oracle that shares no code with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from schemas.events import control as c
from schemas.events.authority import Grant, Role, Settings
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.gatekeeper.policy import decide as engine
from services.gatekeeper.policy.decide import Decision, decide, to_verdict
from tests.unit.gatekeeper.oracle import EOC, Asked, OracleState, Said, signed_for
from tests.unit.gatekeeper.policy_city import EVERY_DEPARTMENT, MINUTE, SECOND, PolicyCity, profile

PROFILES = tuple(profile(name) for name in EVERY_DEPARTMENT)
OFFICERS: dict[str, tuple[Grant, ...]] = {
    "cao": (Grant(role=Role.CAO),),
    "mcpe": (Grant(role=Role.MCPE),),
    "pio": (Grant(role=Role.PIO),),
    "director": (Grant(role=Role.EOC_DIRECTOR),),
    "office": (Grant(role=Role.COMMS_OFFICE),),
    "fire": (Grant(role=Role.PUBLISHER, profiles=("fire-town",)),),
    "speaker": (Grant(role=Role.PUBLISHER, profiles=("fire-town", "police-town")), Grant(role=Role.DESIGNATED)),
    "clerk": (Grant(role=Role.EMPLOYEE),),
}
# The cao is never revoked here: somebody must be able to order on.
NAMES = st.sampled_from(sorted(OFFICERS))
REVOCABLE = st.sampled_from(sorted(OFFICERS.keys() - {"cao"}))
TARGETS = st.sampled_from([("fire-town",), ("fire-town", "police-town"), ("fire-town",), EVERY_DEPARTMENT, "all"])
TEAMS = (
    *[(name,) for name in sorted(OFFICERS)],
    *[("cao", "director"), ("mcpe", "pio"), ("pio", "cao"), ("office", "fire"), ("speaker", "clerk"), ()],
)
SELDOM = st.sampled_from([False, False, False, True])
ASK: dict[str, Any] = {
    "author": NAMES,
    "wanted": TARGETS,
    "crisis": st.booleans(),
    "minutes": st.sampled_from([60, 5, 240]),
    "severe": SELDOM,
    "screened": st.booleans(),
    "signers": st.sampled_from(TEAMS),
}
FLAWS: dict[str, dict[str, Any]] = {
    "other key": {"key": "clerk, before the new key"},
    "realm": {"realm": "exercise"},
    "digest": {"digest": "0" * 64},
    "renderings": {"renderings": {"townsquare": "0" * 64}},
    "revision": {"revision": 2},
    "request": {"request_id": "rsomethingelse"},
    "targets": {"targets": ("parks-town", "fire-town")},
    "nothing acknowledged": {"acknowledged": ()},
    "name": {"officer": "nobody"},
}
PICK = st.integers(0, len(TEAMS))


@dataclass(frozen=True)
class Attempt:
    """What was let through: where it is in the log, and when."""

    request: Request
    profile: str
    position: int


class GateMachine(RuleBasedStateMachine):
    """A city in which anything may happen in any order, and a worker that obeys the last verdict and the fence."""

    start: ClassVar[str] = "routine"
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.city = PolicyCity(OFFICERS, PROFILES, Settings(second_approver_severities=("extreme",)))
        self.oracle = OracleState(
            roles={n: {str(g.role): (frozenset(g.profiles), g.valid_until) for g in gs} for n, gs in OFFICERS.items()},
            departments={one.id: one.department for one in PROFILES},
        )
        self.requests: list[Request] = []
        self.log: list[tuple[str, Any]] = [("control", self.city.control.seq)]
        self.verdicts: dict[str, Verdict] = {}
        self.checked = 0
        self.begin()

    def begin(self) -> None:
        """Go to the posture that this machine starts in, by the orders that lead there."""
        if self.start == "crisis":
            self.crisis()
        if self.start in EOC:
            self.activate()
        if self.start == "eoc_active":
            self.barrier()

    # --- what the city does --------------------------------------------------------------------------------

    def changed(self) -> None:
        """After a control change: first a worker with what it had, then the gate anew and a worker with that."""
        self.attempt(fresh=False)
        self.attempt(fresh=True)

    def order(self, officer: str, action: Any) -> None:
        """Carry an order out and put its control revision into the log."""
        self.city.order(officer, action)
        self.log.append(("control", self.city.control.seq))

    @precondition(lambda self: self.oracle.posture in ("routine", "crisis"))
    @rule()
    def activate(self) -> None:
        """The EOC is activated."""
        self.order("cao", c.EocActivate(level=3, incident="flood"))
        self.oracle.posture = "eoc_activating"
        self.changed()

    @precondition(lambda self: self.oracle.posture == "eoc_activating")
    @rule()
    def barrier(self) -> None:
        """Nothing is in flight any more."""
        self.city.fold(c.EocActive(at=self.city.now, activating_seq=self.city.control.activating_seq))
        self.log.append(("control", self.city.control.seq))
        self.oracle.posture = "eoc_active"
        self.changed()

    @precondition(lambda self: self.oracle.posture in EOC)
    @rule()
    def stand_down(self) -> None:
        """The EOC stands down."""
        self.order("cao", c.EocStandDown())
        self.oracle.posture = "routine"
        self.changed()

    @precondition(lambda self: self.oracle.posture in ("routine", "crisis"))
    @rule()
    def crisis(self) -> None:
        """A crisis begins or ends."""
        if self.oracle.posture == "routine":
            self.order("cao", c.CrisisDeclare(incident="flood"))
            self.oracle.posture = "crisis"
        else:
            self.order("cao", c.CrisisEnd())
            self.oracle.posture = "routine"
        self.changed()

    @rule()
    def hold(self) -> None:
        """The stop button is pressed, the gate decides all anew, and it is released."""
        for on in (True, False):
            self.oracle.held = on
            self.order("cao", c.Hold(on=on))
            self.changed()

    @rule(
        officer=REVOCABLE,
        role=st.sampled_from([Role.PIO, Role.MCPE, Role.DESIGNATED, Role.PUBLISHER]),
        minutes=st.sampled_from([None, 3, 40]),
    )
    def designate(self, officer: str, role: Role, minutes: int | None) -> None:
        """An officer gets a role, for some time or for good."""
        if officer in self.oracle.gone:
            return
        end = None if minutes is None else self.city.now + minutes * MINUTE
        profiles = EVERY_DEPARTMENT if role is Role.PUBLISHER else ()
        self.order("cao", c.Designate(officer=officer, grant=Grant(role=role, profiles=profiles, valid_until=end)))
        self.oracle.roles[officer][str(role)] = (frozenset(profiles), end)
        self.changed()

    @precondition(lambda self: len(self.oracle.gone) < 2)
    @rule(officer=REVOCABLE)
    def revoke(self, officer: str) -> None:
        """An officer loses everything."""
        if officer not in self.oracle.gone:
            self.order("cao", c.Revoke(officer=officer))
            self.oracle.gone.add(officer)
            self.changed()

    @precondition(lambda self: not self.oracle.unfit)
    @rule(name=st.sampled_from(EVERY_DEPARTMENT))
    def suspend(self, name: str) -> None:
        """A profile loses its sanction."""
        self.order("cao", c.ProfileSuspend(profile=name))
        self.oracle.unfit.add(name)
        self.changed()

    @precondition(lambda self: self.oracle.unfit)
    @rule()
    def restore(self) -> None:
        """A profile gets its sanction back."""
        self.order("cao", c.ProfileAdd(profile=profile(self.oracle.unfit.pop())))

    @rule(seconds=st.sampled_from([1, 59, 120, 241, 600, 1_800]))
    def pass_time(self, seconds: int) -> None:
        """The clock goes on."""
        self.city.now += seconds * SECOND

    # --- what people say -----------------------------------------------------------------------------------

    @rule(**ASK)
    def submit(
        self,
        author: str,
        wanted: Any,
        crisis: bool,
        minutes: int,
        severe: bool,
        screened: bool,
        signers: tuple[str, ...],
    ) -> None:
        """Somebody asks for something, and some officers approve it. Of many requests the newest are kept in play."""
        city = self.city
        request = city.request(
            author=author,
            scope="all-departments" if wanted == "all" else "profiles",
            targets=EVERY_DEPARTMENT if wanted == "all" else wanted,
            crisis=crisis,
            severity="extreme" if severe else "minor",
            expires_at=city.now + minutes * MINUTE,
            screening=("phone",) if screened else (),
        )
        self.requests = [*self.requests[-len(TEAMS) :], request]
        self.oracle.asked[request.request_id] = Asked(
            author, request.targets, wanted == "all", crisis, severe, self.oracle.posture, request.expires_at
        )
        for officer in signers:
            self.say(request, officer, "", False, 0 * SECOND, 30 * MINUTE)
        self.attempt_one(request, fresh=True)

    @initialize(author=NAMES, wanted=TARGETS, crisis=st.booleans(), severe=SELDOM, screened=st.booleans())
    def first(self, author: str, wanted: Any, crisis: bool, severe: bool, screened: bool) -> None:
        """Every history begins with the same request in many copies, each approved by other officers."""
        for team in TEAMS:
            self.submit(author, wanted, crisis, 240, severe, screened, team)

    @initialize(officer=NAMES, crisis=st.booleans())
    def wrong_from_the_first(self, officer: str, crisis: bool) -> None:
        """What the mcpe alone would clear in any posture, but for one flaw, or for somebody's no."""
        for flaw in FLAWS:
            self.submit("clerk", ("fire-town",), crisis, 240, False, True, ())
            self.say(self.requests[-1], "mcpe", flaw, False, 0 * SECOND, 30 * MINUTE)
            self.attempt_one(self.requests.pop(), fresh=True)
        self.submit("clerk", ("fire-town",), crisis, 240, False, True, ("mcpe",))
        self.say(self.requests[-1], officer, "", True, 0 * SECOND, 30 * MINUTE)
        self.attempt_one(self.requests.pop(), fresh=True)

    def say(self, request: Request, officer: str, flaw: str, no: bool, ahead: timedelta, lasts: timedelta) -> None:
        """Put an officer's statement on record and into the oracle."""
        changes = FLAWS.get(flaw, {})
        if no:
            changes = changes | {"decision": "reject"}
        begins, ends = self.city.now + ahead, self.city.now + ahead + lasts
        self.city.approve(request, officer, **{"issued_at": begins, "expires_at": ends} | changes)
        # A no to the revision is a no, whichever bytes were looked at; screening is nothing to a clean text.
        harmless = {""} | ({"digest", "renderings", "targets", "nothing acknowledged"} if no else set())
        if not request.screening:
            harmless.add("nothing acknowledged")
        sound = flaw in harmless and (no or lasts <= 30 * MINUTE)
        said = Said(no, sound, begins - timedelta(seconds=60), ends)
        self.oracle.asked[request.request_id].said[officer] = said

    @precondition(lambda self: self.requests)
    @rule(pick=PICK, officer=NAMES, lasts=st.sampled_from([5, 30]))
    def approve(self, pick: int, officer: str, lasts: int) -> None:
        """Somebody approves, and all is well with the statement."""
        self.say(self.requests[pick % len(self.requests)], officer, "", False, 0 * SECOND, lasts * MINUTE)

    @precondition(lambda self: self.requests)
    @rule(
        pick=PICK,
        officer=NAMES,
        flaw=st.sampled_from(["", *FLAWS]),
        ahead=st.sampled_from([0, 0, 60, 61, 300]),
        lasts=st.sampled_from([1_799, 1_800, 1_801]),
        no=st.sampled_from([False, False, False, True]),
    )
    def say_anything(self, pick: int, officer: str, flaw: str, ahead: int, lasts: int, no: bool) -> None:
        """Somebody says something: wrong key, wrong digest, too long, dated ahead, or no."""
        request = self.requests[pick % len(self.requests)]
        self.say(request, officer, flaw, no, ahead * SECOND, lasts * SECOND)

    @precondition(lambda self: self.requests)
    @rule(pick=st.sampled_from([0, 7]))
    def withdraw(self, pick: int) -> None:
        """A request is taken back."""
        request = self.requests[pick % len(self.requests)]
        if request.request_id not in self.oracle.withdrawn:
            self.order("cao", c.Withdraw(request_id=request.request_id))
            self.oracle.withdrawn.add(request.request_id)

    # --- the gate and the worker ---------------------------------------------------------------------------

    @precondition(lambda self: self.requests)
    @rule(pick=PICK, part=st.floats(0, 1))
    def judge(self, pick: int, part: float) -> None:
        """The gate decides, as the oracle does, now and for as long as it says that it will stand."""
        request = self.requests[pick % len(self.requests)]
        decision = self.judge_one(request)
        end = decision.valid_until or decision.look_again
        if end is not None and decision.outcome is not Outcome.REFUSED:
            at = self.city.now + (end - self.city.now) * part
            outcome = decide(replace(self.city.facts(request), now=at)).outcome
            if at < end:
                assert outcome is decision.outcome
            assert (outcome is Outcome.CLEARED) is self.oracle.may_go(request.request_id, at)

    def judge_one(self, request: Request) -> Decision:
        """Decide, compare, and append the verdict; a refusal that stands is final."""
        name = request.request_id
        facts = self.city.facts(request)
        decision = decide(facts)
        assert (decision.outcome is Outcome.CLEARED) is self.oracle.may_go(name, self.city.now), decision.findings
        assert not [finding for finding in decision.findings if finding.clause == engine.CLAUSE], "it fell back"
        self.seen[f"{decision.outcome} in {self.oracle.posture}"] += 1
        standing = self.verdicts.get(name)
        if standing is None or standing.outcome is not Outcome.REFUSED:
            self.verdicts[name] = to_verdict(decision, facts, self.city.now, facts.request_seq)
            self.log.append(("verdict", self.verdicts[name]))
        return decision

    @rule(fresh=st.booleans())
    def attempt(self, fresh: bool) -> None:
        """A worker takes up each request: by its last verdict, behind the fence, and not after its end."""
        for request in self.requests:
            self.attempt_one(request, fresh)

    def attempt_one(self, request: Request, fresh: bool) -> None:
        """Take one request up."""
        if fresh:
            self.judge_one(request)
        verdict = self.verdicts.get(request.request_id)
        if verdict is None or verdict.outcome is not Outcome.CLEARED or verdict.valid_until is None:
            return
        if verdict.control_seq == self.city.control.seq and self.city.now < verdict.valid_until:
            self.log.append(("attempt", Attempt(request, request.targets[0], len(self.log))))
            self.every_attempt_was_allowed()

    # --- the invariants ------------------------------------------------------------------------------------

    @invariant()
    def every_attempt_was_allowed(self) -> None:
        """Invariants 1, 2 and 3, for each attempt since the last look."""
        for kind, what in self.log[self.checked :]:
            if kind == "attempt":
                self.check_cleared_at_the_revision_in_force(what)
                self.check_signatures(what)
        self.checked = len(self.log)

    def check_cleared_at_the_revision_in_force(self, attempt: Attempt) -> None:
        """Invariant 1: the last verdict before it is cleared, and names the last control change before it."""
        before = self.log[: attempt.position]
        mine = [w for kind, w in before if kind == "verdict" and w.request_id == attempt.request.request_id]
        revisions = [w for kind, w in before if kind == "control"]
        assert mine
        assert mine[-1].outcome is Outcome.CLEARED
        assert mine[-1].control_seq == revisions[-1]
        assert attempt.profile in mine[-1].targets

    def check_signatures(self, attempt: Attempt) -> None:
        """Invariants 2 and 3: who signed exactly these bytes, by the raw envelopes and the oracle itself."""
        request, oracle = attempt.request, self.oracle
        rendering = next(one for one in request.renderings if one.platform == "townsquare")
        signers = {
            name
            for name, fact in self.city.approvals.get(request.request_id, {}).items()
            if signed_for(
                fact.approval.envelope,
                self.city.key(name).public_key,
                rendering.body,
                "townsquare",
                "live",
                self.city.now,
            )
        }
        held = {role for name in signers for role in oracle.holds(name, self.city.now)}
        ask = oracle.asked[request.request_id]
        self.seen[f"attempt in {oracle.posture}"] += 1
        if oracle.posture in EOC or ask.submitted in EOC:
            assert held & {"cao", "mcpe", "pio", "eoc_director"}
        if oracle.reaches_everybody(ask):
            self.seen["attempt to all"] += 1
            assert oracle.posture != "routine"
            assert held & {"pio", "mcpe"}
        assert signers


@pytest.mark.parametrize("posture", ["routine", "crisis", *EOC])
def test_the_gate_keeps_its_invariants_in_any_order_of_events(posture: str) -> None:
    """Short histories from each posture on; among them enough posts that the checks had something to check."""
    seen: Counter[str] = Counter()
    machine = type("GateMachine", (GateMachine,), {"start": posture, "seen": seen})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=15,
            derandomize=True,
            deadline=None,
            database=None,
            phases=(Phase.generate,),  # shrinking would outlast the test's time limit; add Phase.shrink by hand
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert seen[f"attempt in {posture}"] >= 20, seen
    assert seen[f"blocked in {posture}"] >= 50, seen
    assert posture == "routine" or seen["attempt to all"] >= 5, seen
