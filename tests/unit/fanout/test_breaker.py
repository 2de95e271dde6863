"""The breaker of a host: when it opens, who may try, when it closes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.fanout.domain.breaker import RULES, Breaker, Pass, Rules, Stop


def opened(by: str = "fire") -> Breaker:
    breaker = Breaker()
    for _ in range(RULES.failures):
        breaker.failed(by, 0.0, "no connection")
    assert breaker.is_open
    return breaker


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    breaker = Breaker()
    for _ in range(RULES.failures - 1):
        assert not breaker.failed("fire", 0.0, "503")
        assert breaker.ask("fire", 0.0) == Pass()
    assert breaker.failed("fire", 0.0, "503"), "this one opened it"
    assert breaker.is_open
    assert breaker.ask("fire", 0.0) == Stop(RULES.first)


def test_an_answer_in_between_begins_the_count_anew() -> None:
    breaker = Breaker()
    for _ in range(50):
        breaker.failed("fire", 0.0, "503")
        assert not breaker.answered("water")
    assert not breaker.is_open


def test_one_at_a_time_tries_when_the_pause_is_over_and_an_answer_closes_it() -> None:
    breaker = opened()
    breaker.failed("water", 0.0, "503")
    assert breaker.ask("fire", RULES.first) == Pass(trial=True)
    assert isinstance(breaker.ask("water", RULES.first), Stop)
    assert breaker.answered("fire"), "this one closed it"
    assert breaker.ask("water", RULES.first) == Pass()


def test_a_trial_that_fails_doubles_the_pause_up_to_its_longest() -> None:
    breaker, now, pauses = opened(), 0.0, []
    for _ in range(8):
        stop = breaker.ask("fire", now)
        assert isinstance(stop, Stop)
        pauses.append(stop.seconds)
        now += stop.seconds
        assert breaker.ask("fire", now) == Pass(trial=True)
        breaker.failed("fire", now, "503")
    assert pauses == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


def test_a_profile_that_did_not_fail_itself_may_try_at_once() -> None:
    """The trouble of a neighbour need not be the host's."""
    breaker = opened(by="fire")
    assert breaker.ask("water", 0.0) == Pass(trial=True)
    breaker.answered("water")
    assert not breaker.is_open


def test_another_trial_keeps_such_a_profile_waiting_for_less_than_a_second() -> None:
    breaker = opened(by="fire")
    breaker.ask("water", 0.0)
    stop = breaker.ask("parks", 0.0)
    assert isinstance(stop, Stop)
    assert stop.seconds <= 0.5
    assert breaker.ask("parks", stop.seconds) == Pass(trial=True)


def test_a_failure_of_its_own_is_remembered_when_others_closed_it() -> None:
    breaker = opened(by="fire")
    breaker.answered("water")
    for _ in range(RULES.failures):
        breaker.failed("fire", 10.0, "503")
    assert isinstance(breaker.ask("fire", 10.0), Stop)
    assert breaker.ask("water", 10.0) == Pass(trial=True)


def test_a_trial_that_asked_nothing_gives_its_place_back() -> None:
    breaker = opened(by="fire")
    breaker.failed("water", 0.0, "503")
    assert breaker.ask("fire", 5.0) == Pass(trial=True)
    breaker.gave_up("fire")
    assert breaker.ask("water", 5.0) == Pass(trial=True)


def test_a_trial_that_nobody_reports_on_blocks_nobody_for_ever() -> None:
    breaker = opened(by="fire")
    breaker.failed("water", 0.0, "503")
    breaker.ask("fire", 5.0)
    assert breaker.ask("water", 40.0) == Pass(trial=True)


def test_an_open_host_that_nothing_waits_for_is_told_apart() -> None:
    """Else nobody would find out that it is back."""
    breaker = opened(by="fire")
    assert not breaker.is_idle(10.0)
    assert breaker.is_idle(40.0)
    breaker.ask("fire", 40.0)
    assert not breaker.is_idle(41.0)
    breaker.answered("fire")
    assert not breaker.is_idle(1_000.0)


events = st.lists(
    st.tuples(
        st.sampled_from(["ask", "failed", "answered", "gave_up"]),
        st.sampled_from(["fire", "water", "parks"]),
        st.floats(0.0, 40.0),
    ),
    max_size=120,
)


@given(events)
def test_whatever_happens_it_can_be_left_and_asks_for_no_long_wait(history: list[tuple[str, str, float]]) -> None:
    """No history keeps a host shut: after the longest pause and a lost trial, somebody may try; an answer opens it."""
    rules = Rules()
    breaker, now = Breaker(rules), 0.0
    for what, who, pause in history:
        now += pause
        if what == "ask":
            said = breaker.ask(who, now)
            assert isinstance(said, Pass) or 0.0 <= said.seconds <= rules.longest
            assert breaker.is_open or said == Pass()
        elif what == "failed":
            before = breaker.failures
            breaker.failed(who, now, "503")
            assert breaker.is_open == (breaker.failures >= rules.failures)
            assert breaker.failures == before + 1
        elif what == "answered":
            breaker.answered(who)
            assert not breaker.is_open
        else:
            breaker.gave_up(who)
    assert isinstance(breaker.ask("fire", now + 100.0), Pass)
    breaker.answered("fire")
    assert breaker.ask("water", now + 100.0) == Pass()
