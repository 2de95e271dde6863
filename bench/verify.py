"""``python -m bench.verify [--entries 1000000]``: write a record of genuine entries, and measure its verification.

The record is one of routine days: requests, approvals, verdicts, attempts and receipts on two profiles and the
website's mirror, signed and sealed as the product does. It is made with the tests' ledger builder, outside of what is
timed.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

from schemas.platforms import MIRROR
from services.audit.proof import Report, verify_record
from services.audit.proof.resume import NAME
from services.audit.record.writer import RecordWriter
from services.kernel.authority.signing import load_key
from tests.support.ledger_builder import FIRE, LedgerBuilder, demo_city

PROFILES = (FIRE, "bylaw-townsquare")
CHUNK = 5_000
MORE = 1_000
"""Entries that come after the verification that is kept: an hour of a busy day."""


def main() -> int:
    """Make the record, verify it whole, then resume after some more; print what each took."""
    parser = argparse.ArgumentParser(prog="bench.verify", description="Measure the verification of a long record.")
    parser.add_argument("--entries", type=int, default=1_000_000)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="onevoice-verify-"))
    try:
        builder = LedgerBuilder(demo_city(folder / "city"))
        builder.genesis()
        began = time.monotonic()
        _grow(builder, chosen.entries)
        size = (builder.city.audit_folder / "ledger.jsonl").stat().st_size
        print(
            f"{len(builder.entries)} entries, {size / 1e6:.0f} MB, made in {time.monotonic() - began:.0f} s", flush=True
        )
        report = _measure("whole", builder)
        if not report.ok:
            return 1
        kept = (builder.city.audit_folder / NAME).stat().st_size
        _grow(builder, len(builder.entries) + MORE)
        report = _measure(f"resumed, {MORE} entries more", builder)
        print(f"the kept state has {kept / 1e6:.0f} MB; memory at most {_memory() / 1e6:.0f} MB")
        return 0 if report.resumed_from else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _grow(builder: LedgerBuilder, entries: int) -> None:
    """Add requests and what follows on them, until so many entries stand in the record; memory stays flat."""
    with RecordWriter(builder.city.audit_folder, builder.city.realm, load_key(_key(builder))) as record:
        while len(builder.entries) < entries:
            until = min(entries, len(builder.entries) + CHUNK)
            while len(builder.entries) < until:
                request = builder.request(f"r{len(builder.entries)}", PROFILES, author="pio")
                builder.approve(request, "mcpe")
                builder.verdict(request)
                builder.post(request, *PROFILES, MIRROR)
                builder.wait(5)
            builder.state()
            record.append(builder.entries[record.size :])
            record.seal(builder.now)
            for index in range(len(builder.entries) - CHUNK, len(builder.entries)):
                builder.entries[max(0, index)] = cast(Any, None)  # written: only the count is needed any more


def _key(builder: LedgerBuilder) -> Path:
    return builder.city.service_key_path("audit")


def _measure(what: str, builder: LedgerBuilder) -> Report:
    began, cpu = time.monotonic(), time.process_time()
    report = verify_record(builder.city, builder.now, resume=True, signer=builder.audit_signer())
    took, used = time.monotonic() - began, time.process_time() - cpu
    load = os.getloadavg()[0]
    print(f"{what}: {report.events} entries in {took:.1f} s ({used:.1f} s of one core, load {load:.1f})", flush=True)
    if not report.ok:
        print(report.violations[:3])
    return report


def _memory() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
