"""The broker killed, away, out of space; services that stand still; restarts under load."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import server
from tests.faults.batches_cluster import batches_cluster
from tests.faults.cluster import cluster, possible
from tests.faults.rows import Row, Scale


def fine(rows: list[Row]) -> None:
    assert {row.fault: row.problems for row in rows if row.problems} == {}


async def test_the_broker_killed_under_load_loses_nothing_that_was_acked(tmp_path: Path) -> None:
    fine(await server.broker_killed(tmp_path, Scale.SHORT))


async def test_without_a_broker_commands_end_clearly_and_nothing_spins(tmp_path: Path) -> None:
    fine(await server.broker_away(tmp_path, Scale.SHORT))


async def test_services_that_stand_still_for_longer_than_a_lease_post_nothing_twice(tmp_path: Path) -> None:
    fine(await server.stopped(tmp_path, Scale.SHORT))


async def test_a_full_store_refuses_clearly_and_goes_on_when_there_is_space(tmp_path: Path) -> None:
    fine(await server.disk_full(tmp_path, Scale.SHORT))


async def test_a_rolling_restart_under_load_is_not_noticed(tmp_path: Path) -> None:
    fine(await server.rolling(tmp_path, Scale.SHORT))


@pytest.mark.skipif(not possible(), reason="certificates are made by openssl")
async def test_three_servers_survive_one_stop_with_two_gone_and_keep_the_fence(tmp_path: Path) -> None:
    fine(await cluster(tmp_path, Scale.SHORT))


@pytest.mark.skipif(not possible(), reason="certificates are made by openssl")
async def test_a_batch_is_whole_on_three_servers_whose_leader_is_killed(tmp_path: Path) -> None:
    fine(await batches_cluster(tmp_path, Scale.SHORT))
