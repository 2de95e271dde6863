"""What a new city's streams may fill: both realms fit into what the server takes of the disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from services.provision import demo_plan, make_city, store_for

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("free", "demo", "here", "given"),
    [
        (400 * GB, False, True, 20.0),
        (10 * GB, False, True, 2.5),
        (400 * GB, True, True, 1.0),
        (2 * GB, True, True, 0.5),
        (0, True, True, 0.05),
        (2 * GB, False, False, 5.0),
    ],
)
def test_a_quarter_of_what_is_free_for_each_realm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, demo: bool, here: bool, given: float
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _place: SimpleNamespace(free=free))
    assert store_for(tmp_path / "not" / "there", demo=demo, here=here) == given


def test_city_toml_says_it(tmp_path: Path) -> None:
    assert make_city(tmp_path / "one", replace(demo_plan(), store_gb=2.5)).settings.nats.store_gb == 2.5
    assert make_city(tmp_path / "two", demo_plan()).settings.nats.store_gb is None
