"""The broker killed, out of space and without a working disk in mid-batch: the short forms of tests.faults.batches."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import batches
from tests.faults.rows import Row, Scale


def fine(rows: list[Row]) -> None:
    assert {row.fault: row.problems for row in rows if row.problems} == {}


async def test_a_broker_killed_in_mid_batch_keeps_what_it_acked_and_no_half_of_a_batch(tmp_path: Path) -> None:
    fine(await batches.batches_killed(tmp_path, Scale.SHORT))


@pytest.mark.skipif(not batches.can_mount(), reason="a small file system can be mounted by root alone")
async def test_a_file_system_that_gets_full_in_mid_batch_loses_nothing_that_was_acked(tmp_path: Path) -> None:
    fine(await batches.batches_disk_full(tmp_path, Scale.SHORT))


@pytest.mark.skipif(not batches.can_trace(), reason="fsync is made to fail by strace, as root")
async def test_a_failing_fsync_in_mid_batch_loses_nothing_that_was_acked(tmp_path: Path) -> None:
    fine(await batches.batches_fsync(tmp_path, Scale.SHORT))
