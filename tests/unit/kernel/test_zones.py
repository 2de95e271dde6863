"""Time zones by name, from the pinned data and not from the machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.kernel.base.zones import in_words, in_zone, utc_text, zone_of

VANCOUVER = zone_of("America/Vancouver")


def test_the_law_of_today_counts_and_not_an_old_machine() -> None:
    """British Columbia keeps its summer time from November 2026 on; data of 2025 is an hour off."""
    winter = datetime(2026, 11, 26, 23, 1, tzinfo=UTC).astimezone(VANCOUVER)
    assert winter.utcoffset() == timedelta(hours=-7)


def test_words_for_the_public_name_the_zone() -> None:
    assert in_words(datetime(2026, 2, 1, 7, 5, tzinfo=UTC), VANCOUVER) == "31 January 2026, 23:05 PST"


def test_a_time_in_a_services_words_is_found_again() -> None:
    """Whatever zone it came in, it is written in UTC and shown in the reader's."""
    there = datetime(2026, 2, 1, 18, 5, 9, tzinfo=zone_of("Europe/Berlin"))
    assert utc_text(there) == "2026-02-01 17:05:09 UTC"
    assert (
        in_zone(f"it expired at {utc_text(there)}: missed", VANCOUVER)
        == "it expired at 2026-02-01 09:05:09 PST: missed"
    )


@pytest.mark.parametrize(
    "name", ["", "PST8", "America/Mission", "../../etc/passwd", "/etc/passwd", "tzdata.zi", "zones"]
)
def test_other_names_are_no_zones(name: str) -> None:
    with pytest.raises(LookupError):
        zone_of(name)
