"""How long a credential lasts, as platforms say it while one is got."""

from __future__ import annotations

import pytest

from services.desk.connect.calls import Calls, lasting
from services.kernel.base.errors import Unreachable


@pytest.mark.parametrize(("said", "seconds"), [(5_184_000, 5_184_000), ("172800", 172_800), (0, 0)])
async def test_seconds_are_a_number_or_its_digits(said: object, seconds: int) -> None:
    assert lasting(said) == seconds
    assert Calls("linkedin").seconds({"expires_in": said}, "expires_in", "the code") == seconds


@pytest.mark.parametrize("said", ["a year", "", "\u0661\u0662", "1e3", -1, True, None, 2.5, 10**12, ["1"]])
async def test_odd_words_are_one_clear_error(said: object) -> None:
    """Not a traceback: the login was used up by then."""
    assert lasting(said) is None
    with pytest.raises(Unreachable, match="linkedin answers the code without expires_in in seconds"):
        Calls("linkedin").seconds({"expires_in": said}, "expires_in", "the code")
