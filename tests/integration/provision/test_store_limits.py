"""What a realm's streams may fill: at the limit nothing is taken or lost, and it is raised while all runs."""

from __future__ import annotations

import contextlib

import nats.js.errors
import pytest

from schemas import streams, subjects
from services.audit.store_watch import StoreWatch
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput, Unreachable
from services.provision import provision
from tests.support.mission import Mission, Writer


def give(city: City, gigabytes: float | None) -> City:
    """Write what each realm's streams may fill into city.toml; None takes the limit out."""
    path = city.folder / "city.toml"
    kept = [line for line in path.read_text().splitlines() if not line.lstrip("# ").startswith("store_gb")]
    if gigabytes is not None:
        kept.insert(kept.index("[nats]") + 1, f"store_gb = {gigabytes:.9f}")
    path.write_text("\n".join(kept) + "\n")
    return load_city(city.folder)


async def fill(writer: Writer) -> tuple[int, Unreachable]:
    """Append requests until the ledger takes no more; return the newest sequence that was acked, and the refusal."""
    acked = 0
    while acked < 1_000:
        try:
            await writer.submit()
        except Unreachable as full:
            return acked, full
        acked = await writer.ledger.last_seq()
    raise AssertionError("it takes more than its limit")


async def test_a_full_ledger_takes_nothing_more_loses_nothing_and_is_given_more(mission: Mission) -> None:
    await provision(mission.city, mission.url)
    await mission.begin()
    (audit,) = await mission.run("audit")
    writer = await mission.writer("intake")
    js = (await mission.provisioner()).js
    done = await provision(give(mission.city, 0.000_1), mission.url)  # 60 kB of ledger
    assert any("max_bytes is -1, not 60000" in line for line in done.updated)
    acked, refusal = await fill(writer)
    assert (refusal.code, "maximum bytes exceeded" in refusal.message) == ("ledger.refused", True)
    assert writer.ledger.not_stored == "the broker stores nothing: maximum bytes exceeded"
    state = (await js.stream_info("LEDGER")).state
    assert (state.first_seq, state.messages, state.last_seq) == (1, acked, acked)
    watch = StoreWatch(audit)
    await watch.look_once()
    assert any("the stream LEDGER is nearly full" in one for one in audit.health.all_troubles())
    assert max(one.value for one in watch.measures() if one.name == "onevoice_store_used_ratio") > 0.9
    await provision(give(mission.city, None), mission.url)
    await watch.look_once()
    assert not any("the stream LEDGER" in one for one in audit.health.all_troubles()), "without a limit, no warning"
    await provision(give(mission.city, 0.01), mission.url)
    assert (await writer.submit()).revision == 1
    await provision(give(mission.city, 0.000_1), mission.url)  # less than it holds: that stays
    assert (await js.stream_info("LEDGER")).state.first_seq == 1
    with pytest.raises(Unreachable):
        await writer.submit()


async def test_a_broker_without_the_room_says_so_with_the_mend(mission: Mission) -> None:
    with pytest.raises(BadInput, match="has no room for the 9999999") as caught:
        await provision(give(mission.city, 9_999_999.0), mission.url)
    assert (caught.value.code, "store_gb" in (caught.value.hint or "")) == ("store.small", True)


async def test_one_service_cannot_fill_what_the_record_needs(mission: Mission) -> None:
    """A stolen key of intake stores pictures without end: MEDIA is full, and the ledger goes on."""
    await provision(mission.city, mission.url)
    await mission.begin()
    await provision(give(mission.city, 0.001), mission.url)  # 280 kB of pictures
    writer = await mission.writer("intake")
    stored = 0
    with contextlib.suppress(nats.js.errors.ServiceUnavailableError):
        for stored in range(100):
            await writer.js.publish(subjects.media(f"{stored:064x}"), b"x" * 50_000, stream=streams.MEDIA)
    assert stored == 5
    assert (await writer.submit()).revision == 1
