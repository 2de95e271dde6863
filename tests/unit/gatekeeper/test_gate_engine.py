"""Clause gate: the engine fails closed, and tells how long what it says will stand."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.events.authority import Grant, Officer, Role
from schemas.events.control import Posture
from schemas.events.verdicts import Finding, FindingOutcome, Outcome, Verdict
from services.gatekeeper.policy import decide as engine
from services.gatekeeper.policy.authority import regime_of
from services.gatekeeper.policy.decide import decide, to_verdict
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.rules import AUTHORISING, RULES
from tests.unit.gatekeeper.policy_city import MINUTE, PolicyCity, one, said

POLICY = Path(engine.__file__).parent


def _cleared() -> Facts:
    city = PolicyCity()
    request = city.request()
    assert city.outcome(request, "mcpe") == "cleared"
    return city.facts(request)


def _rule(judge: Any, clause: Any = "test") -> Any:
    return SimpleNamespace(CLAUSE=clause, judge=judge)


def _raises(facts: Facts, weighed: object) -> Finding:
    raise LookupError("no such thing")


def test_an_empty_rule_table_refuses() -> None:
    """No rule forbids it is not: it is allowed."""
    decision = decide(_cleared(), rules=())
    assert decision.outcome is Outcome.REFUSED
    assert "no rules" in one(decision, engine.CLAUSE, "refused")


@pytest.mark.parametrize("place", [0, len(RULES)])
def test_a_rule_that_raises_refuses(place: int) -> None:
    """Wherever it is there, whatever the others say; its clause and the kind of failure are named."""
    rules = (*RULES[:place], _rule(_raises), *RULES[place:])
    decision = decide(_cleared(), rules)
    assert decision.outcome is Outcome.REFUSED
    assert "LookupError" in one(decision, "test", "refused")
    assert decision.valid_until is None
    assert decision.publisher_of_record is None


@pytest.mark.parametrize("answer", [True, "yes", 0, [], (None,), (True,), {"outcome": "satisfied"}])
def test_a_rule_that_answers_nonsense_refuses(answer: object) -> None:
    """Truthy is not satisfied."""
    decision = decide(_cleared(), (*RULES, _rule(lambda facts, weighed: answer)))
    assert decision.outcome is Outcome.REFUSED


def test_a_finding_with_an_unknown_outcome_refuses() -> None:
    """A word that is not one of the four outcomes is nonsense too."""
    odd = Finding.model_construct(clause="2(iii)", outcome=cast(Any, "probably"), reason="")
    assert decide(_cleared(), (*RULES, _rule(lambda facts, weighed: odd))).outcome is Outcome.REFUSED


def test_a_rule_without_a_label_that_raises_refuses() -> None:
    """Even the telling of a failure may fail."""
    assert decide(_cleared(), (SimpleNamespace(judge=_raises),)).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    "answer",
    [
        None,
        (),
        Finding(clause="test", outcome=FindingOutcome.SATISFIED, reason=""),
        Finding(clause="2(ii)", outcome=FindingOutcome.SATISFIED, reason=""),
        Finding(clause="2(iii)", outcome=FindingOutcome.NOTED, reason=""),
    ],
)
def test_without_a_clause_that_authorises_nothing_is_cleared(answer: object) -> None:
    """No objection is not an authority, nor is a yes of a clause that gives none."""
    decision = decide(_cleared(), (_rule(lambda facts, weighed: answer),))
    assert decision.outcome is Outcome.BLOCKED
    one(decision, engine.CLAUSE, "blocked")


def test_a_yes_without_any_approval_that_counts_is_not_enough() -> None:
    """A clause that says yes on its own does not clear what nobody signed."""
    city = PolicyCity()
    yes = Finding(clause="2(iii)", outcome=FindingOutcome.SATISFIED, reason="")
    assert decide(city.facts(city.request()), (_rule(lambda facts, weighed: yes),)).outcome is Outcome.BLOCKED


@pytest.mark.parametrize(
    "missing", [rule for rule in RULES if rule.CLAUSE in AUTHORISING], ids=lambda rule: rule.CLAUSE
)
@pytest.mark.parametrize("posture", [str(posture) for posture in Posture])
def test_taking_an_authorising_rule_out_clears_nothing_more(missing: Any, posture: str) -> None:
    """Whichever of them is lost, an unapproved request is not cleared in any posture."""
    city = PolicyCity()
    city.posture(posture)
    for author in ("clerk", "fire-publisher", "mcpe"):
        facts = city.facts(city.request(author=author))
        assert decide(facts, tuple(rule for rule in RULES if rule is not missing)).outcome is not Outcome.CLEARED


@pytest.mark.parametrize("posture", ["party", "", "EOC_ACTIVE", None])
def test_an_unknown_posture_refuses(posture: Any) -> None:
    """Now or at the submission: a posture that the policy does not know lets nothing pass."""
    facts = _cleared()
    now = replace(facts, control=replace(facts.control, posture=posture))
    then = replace(facts, request=facts.request.model_copy(update={"submitted_posture": posture}))
    for odd in (now, then):
        decision = decide(odd)
        assert decision.outcome is Outcome.REFUSED
        assert "posture" in one(decision, engine.CLAUSE, "refused")


@pytest.mark.parametrize("who", ["mcpe", "clerk"])
def test_an_unknown_role_refuses(who: str) -> None:
    """An approver, or an author of crisis content, with a role that the policy does not know: refused."""
    city = PolicyCity()
    request = city.request(author="clerk", crisis=True)
    city.approve(request, "mcpe")
    officer = city.control.officers[who]
    odd = Officer.model_construct(
        id=who,
        name=who,
        public_key=officer.public_key,
        grants=(
            *officer.grants,
            Grant.model_construct(role=cast(Any, "emperor"), profiles=(), valid_from=None, valid_until=None),
        ),
    )
    city.control = replace(city.control, officers={**city.control.officers, who: odd})
    decision = city.decide(request)
    assert decision.outcome is Outcome.REFUSED
    assert "emperor" in one(decision, engine.CLAUSE, "refused")


def test_facts_that_make_the_weighing_fail_refuse() -> None:
    """A time without an offset cannot be compared: refused, not raised."""
    facts = _cleared()
    decision = decide(replace(facts, now=facts.now.replace(tzinfo=None)))
    assert decision.outcome is Outcome.REFUSED
    assert "TypeError" in one(decision, engine.CLAUSE, "refused")


def test_refused_outweighs_blocked_and_blocked_outweighs_satisfied() -> None:
    """The hardest answer is the decision's."""
    city = PolicyCity()
    request = city.request()
    assert city.decide(request).outcome is Outcome.BLOCKED
    city.reject(request, "office")
    decision = city.decide(request)
    assert decision.outcome is Outcome.REFUSED
    assert said(decision, "3(iv)(c)")


def test_the_verdict_says_what_was_decided_on_what() -> None:
    """Digest, control revision, posture and reach of the facts are those of the facts."""
    city = PolicyCity()
    city.activate()
    request = city.to_all(author="clerk")
    city.approve(request, "pio")
    facts = city.facts(request)
    decision = decide(facts)
    verdict = to_verdict(decision, facts, city.now + MINUTE, as_of=facts.approvals[0].seq)
    assert verdict == Verdict(
        at=city.now + MINUTE,
        request_id=request.request_id,
        revision=1,
        digest=request.digest,
        outcome=Outcome.CLEARED,
        posture=Posture.EOC_ACTIVE,
        control_seq=city.control.seq,
        as_of=facts.approvals[0].seq,
        targets=request.targets,
        findings=decision.findings,
        approved_by=("pio",),
        publisher_of_record="pio",
        valid_until=city.now + timedelta(minutes=30),
    )
    assert Verdict.from_bytes(verdict.to_bytes()) == verdict


def test_deciding_again_later_says_the_same_words() -> None:
    """Reasons hold no running clock, so that a repeated decision is not a new verdict."""
    city = PolicyCity()
    blocked, cleared = city.request(), city.request()
    city.approve(cleared, "mcpe")
    before = [city.decide(request) for request in (blocked, cleared)]
    city.now += MINUTE
    assert [city.decide(request) for request in (blocked, cleared)] == before


def test_it_says_when_to_look_again() -> None:
    """The next moment at which time alone may change the answer: a role's beginning, an approval's end, the expiry."""
    city = PolicyCity()
    city.activate()
    city.designate("clerk", Role.PIO, valid_from=city.now + MINUTE, valid_until=city.now + 50 * MINUTE)
    request = city.request(author="chief")
    city.approve(request, "clerk")
    decision = city.decide(request)
    assert (decision.outcome, decision.look_again) == (Outcome.BLOCKED, city.now + MINUTE)
    city.now += MINUTE
    decision = city.decide(request)
    assert (decision.outcome, decision.look_again) == (Outcome.CLEARED, city.now + 29 * MINUTE)
    assert decision.valid_until == decision.look_again
    city.now += 49 * MINUTE
    assert city.decide(request).look_again == request.expires_at


def test_an_approval_dated_a_little_ahead_is_looked_at_again() -> None:
    """A clock that runs ahead delays an approval; it is not lost."""
    city = PolicyCity()
    request = city.request()
    city.approve(request, "mcpe", issued_at=city.now + 3 * MINUTE, expires_at=city.now + 9 * MINUTE)
    decision = city.decide(request)
    assert (decision.outcome, decision.look_again) == (Outcome.BLOCKED, city.now + 2 * MINUTE)
    city.now += 2 * MINUTE
    assert city.decide(request).outcome is Outcome.CLEARED


def test_the_regime_table_knows_every_posture() -> None:
    """A posture added to the contracts must be given a regime here."""
    city = PolicyCity()
    request = city.request()
    for posture in Posture:
        assert regime_of(request, replace(city.control, posture=posture))


@pytest.mark.parametrize("path", sorted(POLICY.rglob("*.py")), ids=lambda path: path.stem)
def test_the_policy_is_pure(path: Path) -> None:
    """No module of the policy imports what talks to the world or reads a clock."""
    banned = {"nats", "faststream", "asyncio", "structlog", "time", "os", "random", "pathlib", "logging", "socket"}
    tree = ast.parse(path.read_text())
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported & banned == set()
    assert not {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & {"utcnow", "today"}
