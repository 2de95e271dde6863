"""Junk on each subject of the ledger, by the service that may write there: the city goes on, and everybody is told."""

from __future__ import annotations

import nats.errors

from schemas import streams, subjects
from tests.integration.attacks.conftest import WEB, AttackedCity
from tests.support.mission import PATIENCE

PLACES = {
    subjects.CONTROL: "registry",
    subjects.request("rjunk"): "intake",
    subjects.approval("rjunk", "mcpe"): "intake",
    subjects.verdict("rjunk"): "gatekeeper",
    subjects.attempt(WEB, "rjunk"): "fanout",
    subjects.receipt(WEB, "rjunk"): "fanout",
    subjects.resolution(WEB, "rjunk"): "fanout",
    subjects.SEAL: "audit",
}


async def test_junk_on_each_subject_stops_nothing(city: AttackedCity) -> None:
    before = await city.approved()
    assert await city.outcome(before) == "delivered"
    stored = {}
    for subject, service in PLACES.items():
        js = (await city.thief(service)).client.jetstream(timeout=PATIENCE, prefix=streams.SERVICE_API)
        stored[subject] = (await js.publish(subject, b'{"stream":"LEDGER","seq":1}')).seq
    after = await city.approved()
    assert await city.outcome(after) == "delivered", "a message goes out behind it"
    pio = await city.mission.desk("pio")
    assert "error" not in await pio.board("eoc")
    for subject in set(PLACES) - {subjects.SEAL}:  # no service folds seals
        await city.logged("a void entry")
        assert [one for one in city.logs if one.get("seq") == stored[subject]], subject
    await city.shown("void")
    report = await city.verified()
    told = {one.seq for one in (*report.warnings, *report.violations)}
    assert set(stored.values()) <= told


async def test_a_reply_that_is_reflected_into_the_ledger_is_not_stored(city: AttackedCity) -> None:
    """Each service asks for an answer on a subject of the ledger: direct get, pull and its own ack."""
    last = await city.intake.ledger.last_seq()
    api = streams.SERVICE_API
    for service in ("eoc_state", "registry", "intake", "gatekeeper", "fanout", "board", "audit"):
        thief = await city.thief(service)
        for subject in PLACES:
            for asked, body in ((f"{api}.DIRECT.GET.LEDGER", b'{"seq": 1}'), (f"{api}.STREAM.INFO.LEDGER", b"")):
                try:
                    await thief.client.publish(asked, body, reply=subject)
                    await thief.client.flush()
                except nats.errors.Error:
                    continue
    assert await city.intake.ledger.last_seq() == last
