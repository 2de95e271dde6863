"""How full the ledger's disk is, as people are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.audit.store_watch import GIVEN, BrokerUse, StoreUse, StreamUse, look, store_of
from services.kernel.base.city import City
from tests.support.ledger_builder import demo_city

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("used", "free", "told"),
    [
        (0, 100 * GB, False),
        (52 * GB, 48 * GB, False),  # 69 % of the three quarters that the server takes
        (53 * GB, 47 * GB, True),
        (80 * GB, 20 * GB, True),
        (1_000, GB // 2, True),  # others fill the disk
        (0, 0, True),
    ],
)
def test_people_are_told_at_70_percent_of_what_the_disk_gives(used: int, free: int, told: bool) -> None:
    found = StoreUse(Path("/city/var/nats"), used, free).trouble()
    assert (found is not None) is told
    assert found is None or "free under /city/var/nats" in found


def test_a_disk_that_others_fill_is_not_told_as_a_share_of_the_store() -> None:
    assert "%" not in str(StoreUse(Path("x"), 1_000, GB // 2).trouble())


def test_at_the_server_s_own_limit_all_is_used() -> None:
    assert StoreUse(Path("x"), int(GIVEN * 100), 25).share == 1.0


def test_a_folder_is_measured_with_what_lies_deep_in_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "1.blk").write_bytes(b"x" * 3_000)
    (tmp_path / "2.blk").write_bytes(b"x" * 500)
    found = look(tmp_path)
    assert found.used == 3_500
    assert found.free > 0
    with pytest.raises(OSError, match="nowhere"):
        look(tmp_path / "nowhere")


def test_the_broker_s_store_is_watched_where_it_is_here_and_else_the_second_copy(tmp_path: Path) -> None:
    city = demo_city(tmp_path / "city")
    assert store_of(city) == city.var / "nats"
    nats = city.settings.nats.model_copy(update={"url": "nats://127.0.0.1:4222", "embedded": False})
    away = City(city.folder, city.settings.model_copy(update={"nats": nats}))
    assert store_of(away) == city.audit_folder


@pytest.mark.parametrize(
    ("used", "most", "told"),
    [(69 * GB, 100 * GB, None), (71 * GB, 100 * GB, "71% is used, 71.0 GB of 100.0 GB"), (71 * GB, None, None)],
)
def test_people_are_told_at_70_percent_of_what_a_broker_elsewhere_may_store(
    used: int, most: int | None, told: str | None
) -> None:
    found = BrokerUse(used, most).trouble()
    assert (found is None) is (told is None)
    assert found is None or found.endswith(str(told))


@pytest.mark.parametrize(
    ("used", "told"), [(69, None), (70, "the stream LEDGER nears its limit: 70% is used"), (93, "is nearly full: 93%")]
)
def test_a_stream_that_fills_is_told_with_the_mend(used: int, told: str | None) -> None:
    found = StreamUse("LEDGER", used * GB, 100 * GB).trouble()
    assert (found is None) is (told is None)
    assert found is None or (str(told) in found and "Raise store_gb" in found and "onevoice provision" in found)
