"""Lists of names in reasons."""

from __future__ import annotations

from services.gatekeeper.policy.wording import SHOWN, both, either


def test_a_list_reads_as_a_person_would_say_it() -> None:
    assert either(["pio"]) == "pio"
    assert either(["cao", "mcpe", "pio"]) == "cao, mcpe or pio"
    assert both(["cao", "mcpe"]) == "cao and mcpe"


def test_a_long_list_says_how_many_more_there_are() -> None:
    names = [f"d{number}" for number in range(SHOWN + 7)]
    assert both(names).startswith("d0, d1, ")
    assert both(names).endswith(f"d{SHOWN - 1} and 7 more")
