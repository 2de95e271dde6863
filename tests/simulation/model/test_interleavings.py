"""Every interleaving of a request's way with control changes, crashes and lies, on the pure cores."""

from __future__ import annotations

import pytest

from services.kernel.base.crashpoints import POINTS
from tests.simulation.model.explore import explore
from tests.simulation.model.gaps import AFTER, gaps
from tests.simulation.model.machine import MUTANTS
from tests.simulation.model.scenarios import MUTANT_SCENES, SHORT


@pytest.mark.parametrize("name", SHORT)
def test_every_invariant_holds_in_every_interleaving(name: str) -> None:
    """Also: some of them post, or there was nothing to check."""
    found = explore(SHORT[name])
    assert not found.broken, str(found)
    assert found.posted > 0
    assert found.states > 40


@pytest.mark.parametrize("mutants", MUTANT_SCENES, ids="+".join)
def test_a_planted_bug_is_found(mutants: tuple[str, ...]) -> None:
    """The walls are what the tests believe them to be: without one of them an invariant breaks."""
    found = explore(MUTANT_SCENES[mutants], mutants)
    assert found.broken, f"{mutants} was not found in {found}"
    assert found.trace


def test_each_bug_that_can_be_planted_is_tried() -> None:
    assert {name for mutants in MUTANT_SCENES for name in mutants} == set(MUTANTS)


def test_the_second_look_is_not_the_only_wall() -> None:
    """Without it everything holds: fence, lease and barrier do. It is there to hold back what need not be posted."""
    assert not explore(SHORT["activate"], ("no_second_look",)).broken


def test_the_gaps_name_real_crash_points_and_every_action() -> None:
    assert set(AFTER) <= set(POINTS)
    assert {(gap.action, gap.point) for gap in gaps()} == {
        (action, point) for action in ("activate", "revoke", "hold", "withdraw") for point in AFTER
    }


def test_nothing_that_was_not_called_is_posted_after_the_action() -> None:
    """An approval that does not count any more posts nothing, unless the platform was called before the action."""
    called = ("fanout.call.ended", "fanout.receipt.stored")
    for gap in gaps():
        if gap.approver == "office":
            assert gap.posted is (gap.point in called), gap
        assert gap.posted is ("delivered" in gap.receipts), gap
        assert gap.receipts.count("delivered") <= 1, gap
