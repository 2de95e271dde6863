"""Each kind of void entry: skipped by every reader in the same way, with a reason; nothing raises, nothing stops."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import subjects
from schemas.events import control as c
from schemas.events.control import Posture
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from services.kernel.authority.signing import Signer
from services.kernel.fold.ledger_fold import EVERYTHING, LedgerFold
from services.kernel.fold.reopening import reopen, resume
from tests.unit.fanout.world import STRANGER
from tests.unit.projection.story import AUTHORITY, FIRE, Reader, Story, begun, folded, gist, of_request

JUNK = (
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"{}",
    b'{"a":1,"a":2}',
    b"[" * 100,
    b"9" * 5_000,
    b'{"type":"request"}',
    b'{"at":"0001-01-01T00:00:00+05:00"}',
    b'{"at":"9999-12-31T23:59:59-05:00"}',
)
PLACES = (
    subjects.CONTROL,
    subjects.request("r1"),
    subjects.request("r9"),
    subjects.approval("r1", "mcpe"),
    subjects.approval("r1", "nobody"),
    subjects.verdict("r1"),
    subjects.attempt(FIRE, "r1"),
    subjects.receipt(FIRE, "r1"),
    subjects.resolution(FIRE, "r1"),
    subjects.verdict("r9"),
    subjects.receipt("nowhere", "r9"),
)


@pytest.mark.parametrize("subject", PLACES)
@pytest.mark.parametrize("data", JUNK, ids=range(len(JUNK)))
def test_junk_is_void_wherever_it_stands_and_what_follows_is_folded(subject: str, data: bytes) -> None:
    story = begun().cleared()
    junk = story.put(subject, data)
    story.verdict()
    attempt = story.attempt()
    reader = folded(story)
    assert reader.void(junk)
    assert [reader.void(seq) for seq in (junk + 1, attempt)] == ["", ""]


class Unreadable(bytes):
    """What an entry's bytes are where reading them ends in a fault of ours, which no reader foresaw."""

    def __new__(cls, error: Exception) -> Unreadable:
        """Raise ``error`` whenever somebody reads it."""
        made = super().__new__(cls, b"{}")
        made.error = error
        return made

    error: Exception

    def decode(self, *_: str, **__: str) -> str:
        """Raise it."""
        raise self.error


def test_an_entry_that_cannot_be_folded_is_void_and_the_next_is_folded() -> None:
    """A fault of ours at one entry would else stop every reader there, at each start anew."""
    story = begun().cleared()
    seq = story.attempt()
    junk = story.put(subjects.verdict("r1"), Unreadable(OverflowError("date value out of range")))
    after = story.verdict()
    reader = folded(story)
    assert "it cannot be folded: OverflowError" in reader.void(junk)
    assert [reader.void(one) for one in (seq, after)] == ["", ""]
    assert reader.fold.seq == after


@pytest.mark.parametrize("subject", PLACES)
def test_an_entry_of_any_kind_that_cannot_be_folded_is_void_and_what_follows_counts(subject: str) -> None:
    """On control too, where it is a revision: the gate decides and orders are appended at ``control.seq``."""
    story = begun().cleared()
    junk = story.put(subject, Unreadable(OverflowError("date value out of range")))
    verdict = story.verdict()
    attempt = story.attempt()
    reader = folded(story)
    assert reader.void(junk)
    assert reader.fold.control.seq == reader.fold.control_seq
    assert [reader.void(one) for one in (verdict, attempt)] == ["", ""]


def test_before_the_manifest_what_cannot_be_folded_is_no_revision() -> None:
    story = Story()
    story.put(subjects.CONTROL, Unreadable(OverflowError("date value out of range")))
    assert folded(story).fold.control.seq == 0


@pytest.mark.parametrize("subject", [*PLACES[1:2], *PLACES[3:4], *PLACES[5:9]])
def test_what_cannot_be_folded_keeps_no_reader_from_reopening_or_resuming(subject: str) -> None:
    """A late entry on a request that is over, and a start from a snapshot, read its subjects anew."""
    story = begun().cleared()
    cleared = story.last(subjects.verdict("r1"))
    bad = story.put(subject, Unreadable(OverflowError("date value out of range")))
    attempt = story.attempt(verdict_seq=cleared)
    story.receipt(attempt)
    apart = folded(begun()).fold.apart()
    reopen(apart, "r1", of_request(story.entries, "r1"), 0.0)
    resumed = LedgerFold(AUTHORITY, EVERYTHING)
    resume(resumed, story.entries, frozenset({attempt}), 0.0)
    for fold in (apart, resumed):
        target = fold.requests["r1"].target(FIRE)
        assert (target.attempt_seq, target.answered) == (attempt, True)
    assert folded(story).void(bad)


@pytest.mark.parametrize("subject", [subjects.attempt(FIRE, "r1"), subjects.receipt(FIRE, "r1")])
def test_want_of_memory_stops_who_reopens(subject: str) -> None:
    story = begun().cleared()
    fold = folded(story).fold.apart()
    story.put(subject, Unreadable(MemoryError()))
    with pytest.raises(MemoryError):
        reopen(fold, "r1", of_request(story.entries, "r1"), 0.0)


def test_a_look_at_a_request_apart_changes_nothing_in_the_fold() -> None:
    """Not even by a revision that is void: which request comes after which is the live fold's alone."""
    story = begun().cleared("r1")
    story.cleared("r2")
    fold = folded(story).fold
    fold.chain.earlier["r1"] = "r0"
    reopen(fold.apart(), "r1", of_request(story.entries, "r1"), 0.0)
    assert fold.chain.earlier == {"r1": "r0"}


def test_want_of_memory_makes_no_entry_void() -> None:
    """It would for this reader alone."""
    story = begun().cleared()
    story.put(subjects.verdict("r1"), Unreadable(MemoryError()))
    with pytest.raises(MemoryError):
        folded(story)


def test_who_reads_control_alone_reads_it_again_where_there_was_no_memory_for_it() -> None:
    """It goes on behind ``control_seq``; an order that stopped a city must not be missing there."""
    story = begun()
    fold = folded(story).fold
    before, revisions = fold.control_seq, list(fold.revisions)
    story.order("cao", c.Hold(on=True))
    entry = story.entries[-1]
    with pytest.raises(MemoryError):
        fold.apply(entry._replace(data=Unreadable(MemoryError())), 0.0)
    assert (fold.control_seq, fold.control.seq, fold.revisions) == (before, before, revisions)
    assert fold.apply(entry, 0.0).void == ""
    assert (fold.control.hold, fold.control_seq, fold.control.seq) == (True, entry.seq, entry.seq)
    assert len(fold.revisions) == len(revisions) + 1


def test_what_is_of_no_kind_that_is_folded_is_counted_and_passed_over() -> None:
    story = begun().cleared()
    for subject in (subjects.SEAL, "ledger.delivery.fire-social.r1", "ledger.future.r1"):
        seq = story.put(subject, b"\xff")
        reader = folded(story)
        assert (reader.void(seq), reader.fold.seq) == ("", seq)


def test_the_control_revision_counts_junk_too() -> None:
    """The server's fence does: an attempt is fenced on the last sequence of the subject, whatever is there."""
    story = begun().cleared()
    junk = story.put(subjects.CONTROL, b"junk")
    assert folded(story).fold.control_seq == junk
    assert folded(story).fold.control.seq == junk
    story.verdict()
    seq = story.attempt()
    assert folded(story).void(seq) == ""


def test_before_the_manifest_there_is_no_revision_and_nothing_can_be_ordered() -> None:
    story = Story()
    story.put(subjects.CONTROL, b"junk")
    story.order("cao", c.Hold(on=True))
    reader = folded(story)
    assert (reader.fold.control.seq, reader.fold.control.realm) == (0, "")
    story.genesis()
    assert folded(story).fold.control.realm == "live"


def test_an_order_by_another_key_is_void_and_changes_nothing() -> None:
    story = begun()
    before = folded(story).fold.control
    good = story.order("pio", c.Hold(on=True))
    entry = story.entries.pop()
    forged = json.loads(entry.data)
    forged["order"]["signatures"] = [{"keyid": STRANGER.public_key, "sig": "AAAA"}]
    seq = story.put(subjects.CONTROL, json.dumps(forged).encode())
    reader = folded(story)
    assert seq == good
    assert reader.void(seq)
    assert (reader.fold.control.hold, reader.fold.control.officers) == (before.hold, before.officers)
    assert reader.fold.orders == {}


def test_an_order_is_carried_out_once_for_ever() -> None:
    story = begun()
    first = story.order("pio", c.Hold(on=True))
    story.put(subjects.CONTROL, story.entries[-1].data)
    reader = folded(story)
    assert (reader.void(first), bool(reader.void(first + 1))) == ("", True)
    assert list(reader.fold.orders.values()) == [first]


def _again(story: Story, seq: int, **changes: object) -> int:
    """Append an order once more as whoever holds a service's key can: bytes beside the signature are theirs."""
    value = json.loads(story.entries[seq - 1].data)
    value |= {name: value_ for name, value_ in changes.items() if name != "signature"}
    if "signature" in changes:
        value["order"]["signatures"].append(changes["signature"])
    value = {name: one for name, one in value.items() if one is not None}
    return story.put(subjects.CONTROL, json.dumps(value).encode())


def test_an_order_is_not_carried_out_again_by_who_can_write_the_time_beside_it() -> None:
    """A stand-down of last month, appended with a stolen key of eoc_state: void, whatever is changed around it."""
    story = begun()
    story.activate()
    over = story.stand_down()
    signed_at = json.loads(story.entries[over - 1].data)["at"]
    story.wait(30 * 24 * 3_600)
    story.hold()
    story.activate()
    bad = {"keyid": STRANGER.public_key, "sig": "AAAA"}
    seqs = [
        _again(story, over, at=signed_at),
        _again(story, over, at=signed_at, rule=None),
        _again(story, over, at=signed_at, signature=bad),
        _again(story, over, at=story.now.isoformat(), signature=bad),
    ]
    reader = folded(story)
    assert all(reader.void(seq) for seq in seqs)
    assert reader.fold.control.posture == Posture.EOC_ACTIVE


@pytest.mark.parametrize(("age", "counts"), [(-61, False), (-60, True), (0, True), (60, True), (61, False)])
def test_an_order_is_fresh_by_the_servers_time(age: int, counts: bool) -> None:
    """One that was signed and held back is not carried out when it suits somebody else."""
    story = begun()
    seq = story.order("pio", c.Hold(on=True))
    entry = story.entries.pop()
    story.entries.append(entry._replace(at=entry.at + timedelta(seconds=age)))
    reader = folded(story)
    assert (reader.void(seq) == "", reader.fold.control.hold) == (counts, counts)


def test_the_ledger_of_an_older_version_is_judged_by_its_own_time_until_the_first_fresh_order() -> None:
    story = Story()
    story.genesis(rule=None)
    story.order("pio", c.Hold(on=True), rule=None)
    late = story.entries.pop()
    story.entries.append(late._replace(at=late.at + timedelta(minutes=10)))
    story.wait(600)
    assert folded(story).fold.control.hold
    story.order("pio", c.Hold(on=False), rule=2)
    old = story.order("pio", c.Hold(on=True), rule=None)
    reader = folded(story)
    assert reader.void(old).endswith("the order is written as by an earlier version")
    assert not reader.fold.control.hold


def test_what_ends_something_has_to_name_it_from_the_first_order_by_that_rule_on() -> None:
    """A ledger that an earlier 0.3 wrote counts as it did; no key brings its rule back."""
    story = Story()
    story.genesis(rule=2)
    story.order("pio", c.Hold(on=True), rule=2)
    story.order("pio", c.Hold(on=False), rule=2)
    assert not folded(story).fold.control.hold
    story.order("pio", c.Hold(on=True))
    void = [
        story.order("pio", c.Hold(on=False), rule=2),
        story.order("pio", c.Hold(on=False), rule=None),
        story.order("director", c.Hold(on=False, hold=1)),
    ]
    reader = folded(story)
    assert reader.fold.control.hold
    assert [reader.void(seq).split(": ")[-1] for seq in void] == [
        "the order is written as by an earlier version",
        "the order is written as by an earlier version",
        "it is about the hold at 1, and 4 is in force",
    ]
    story.order("pio", c.Hold(on=False))
    assert not folded(story).fold.control.hold


Put = Callable[[Story], int]


def _other_name(story: Story) -> int:
    story.request("r2")
    return story.put(subjects.request("r3"), story.entries[-1].data)


def _stolen_approval(story: Story) -> int:
    story.approve(officer="office")
    return story.put(subjects.approval("r1", "cao"), story.entries[-1].data)


def _moved_approval(story: Story) -> int:
    story.request("r2")
    story.approve("r1", "office")
    return story.put(subjects.approval("r2", "office"), story.entries[-1].data)


def _repeated_approval(story: Story) -> int:
    story.approve(officer="office")
    return story.put(subjects.approval("r1", "office"), story.entries[-1].data)


def _moved_verdict(story: Story) -> int:
    story.request("r2")
    return story.put(subjects.verdict("r2"), story.entries[3].data)


def _overtaken_verdict(story: Story) -> int:
    revision, seen = story.revision, len(story.entries)
    story.hold()
    return story.verdict(control_seq=revision, as_of=seen)


def _moved_receipt(story: Story) -> int:
    story.receipt(story.attempt(), ReceiptOutcome.WITHHELD)
    return story.put(subjects.receipt("parks-social", "r1"), story.entries[-1].data)


def _forged_resolution(story: Story) -> int:
    receipt = story.receipt(story.attempt(), ReceiptOutcome.UNCONFIRMED)
    return story.resolve(receipt, key=STRANGER)


VOID: dict[str, Put] = {
    "a request under another name": _other_name,
    "a request of another realm": lambda story: story.request("r2", realm="exercise"),
    "a request a second time": lambda story: story.request("r1"),
    "an older revision": lambda story: (story.request("r1", revision=2), story.request("r1"))[1],
    "an approval by another key": lambda story: story.approve(officer="cao", key=STRANGER),
    "an approval of nobody": lambda story: story.put(subjects.approval("r1", "nobody"), story.entries[2].data),
    "an approval under another officer": _stolen_approval,
    "an approval under another request": _moved_approval,
    "an approval for another realm": lambda story: story.approve(officer="cao", realm="exercise"),
    "an approval said again": _repeated_approval,
    "a verdict under another request": _moved_verdict,
    "a verdict of an overtaken revision": _overtaken_verdict,
    "a verdict of a revision to come": lambda story: story.verdict(control_seq=10_000),
    "a verdict on nothing": lambda story: (_other_name(story), story.put(subjects.verdict("r9"), b"{}"))[1],
    "a receipt of no attempt": lambda story: story.receipt(3),
    "a receipt of an attempt that is void": lambda story: story.receipt(story.attempt(digest="f" * 64)),
    "a receipt under another profile": _moved_receipt,
    "a resolution by another key": _forged_resolution,
    "a receipt on a profile that nobody named": lambda story: story.receipt(0, profile="parks-social"),
}


@pytest.mark.parametrize("name", VOID)
def test_it_is_void_and_says_why_and_leaves_what_counts_as_it_was(name: str) -> None:
    story = begun()
    story.request()
    story.approve()
    story.verdict()
    seq = VOID[name](story)
    before = Reader().read(story.entries[: seq - 1])
    kept = {request: _counts(gist(state)) for request, state in before.fold.requests.items()}
    reader = before.read(story.entries)
    assert reader.void(seq)
    assert {request: _counts(gist(state)) for request, state in reader.fold.requests.items()} == kept


LOST_RACES: dict[str, Put] = {
    "a verdict that control overtook": _overtaken_verdict,
    "an attempt on a profile that is taken": lambda story: (story.attempt(), story.attempt())[1],
    "an attempt of a verdict that is not the newest": lambda story: (story.verdict(), story.attempt(verdict_seq=4))[1],
    "an attempt after a rejection": lambda story: (story.reject(), story.attempt())[1],
}


def _decided_later(story: Story) -> int:
    revision = story.revision
    story.hold()
    return story.verdict(control_seq=revision, as_of=len(story.entries))


FORGED: dict[str, Put] = {
    "a verdict that knew of the change": _decided_later,
    "a verdict of a revision that never was": lambda story: story.verdict(control_seq=2),
    "a verdict of a revision to come": VOID["a verdict of a revision to come"],
    "a verdict under another request": _moved_verdict,
    "an attempt without its fence": lambda story: story.attempt(fence=0),
    "an attempt fenced on an older revision": lambda story: (story.hold(), story.attempt(control_seq=1))[1],
    "an attempt on other content": lambda story: story.attempt(digest="f" * 64),
    "an attempt of junk": lambda story: story.put(subjects.attempt(FIRE, "r1"), b"junk"),
    "an attempt under another profile": lambda story: story.put(
        subjects.attempt("parks-social", "r1"), story.entries[story.attempt() - 1].data
    ),
    "an attempt on no request": lambda story: story.put(subjects.attempt(FIRE, "r9"), b"{}"),
    "an attempt as before version 0.3": lambda story: (story.attempt(), story.attempt(rule=None))[1],
}


@pytest.mark.parametrize("name", [*LOST_RACES, *FORGED])
def test_what_came_too_late_is_told_from_what_nobody_of_ours_wrote(name: str) -> None:
    """Only the other kind calls for an alarm: a race is lost every day."""
    story = begun()
    story.request()
    story.approve()
    story.verdict()
    seq = (LOST_RACES | FORGED)[name](story)
    reader = folded(story)
    assert reader.void(seq)
    assert reader.applied[seq].lost_race is (name in LOST_RACES)


def _counts(said: dict[str, object]) -> dict[str, object]:
    """What decisions rest on: without the last sequences that compare-and-set needs, and empty places."""
    left = {name: value for name, value in said.items() if name not in ("spoken", "verdict_last", "targets")}
    targets = said["targets"]
    assert isinstance(targets, dict)
    for profile, target in targets.items():
        left[profile] = {name: value for name, value in target.items() if name not in ("receipt_last", "number")}
    return {name: value for name, value in left.items() if not _is_nothing(value)}


def _is_nothing(value: object) -> bool:
    return isinstance(value, dict) and value.get("attempt") is None and value.get("receipt") is None


LASTS: dict[str, tuple[str, Callable[[Reader], int]]] = {
    "verdict": (subjects.verdict("r1"), lambda reader: reader.state().verdict_last),
    "receipt": (subjects.receipt(FIRE, "r1"), lambda reader: reader.state().target(FIRE).receipt_last),
    "approval": (subjects.approval("r1", "cao"), lambda reader: reader.state().spoken["cao"]),
}


@pytest.mark.parametrize("kind", LASTS)
@pytest.mark.parametrize("data", [b"\xff", b"{}"])
def test_the_last_sequence_of_a_subject_counts_what_is_void_too(kind: str, data: bytes) -> None:
    """Compare-and-set asks for it: who left junk out could never append there again."""
    subject, last = LASTS[kind]
    story = begun().cleared()
    seq = story.put(subject, data)
    reader = folded(story)
    assert reader.void(seq)
    assert last(reader) == seq


def test_the_posture_that_counts_is_the_one_where_the_request_stands() -> None:
    story = begun()
    story.activate()
    story.request("r1", submitted_posture="routine")
    story.stand_down()
    story.request("r2", submitted_posture="eoc_active")
    reader = folded(story)
    assert reader.state("r1").request.submitted_posture == Posture.EOC_ACTIVE.value
    assert reader.state("r2").request.submitted_posture == Posture.ROUTINE.value


def test_an_officers_last_word_counts() -> None:
    story = begun()
    story.request()
    story.approve()
    no = story.reject()
    state = folded(story).state()
    assert (list(state.rejections), state.approvals["mcpe"][0], len(state.statements)) == (["mcpe"], no, 2)
    yes = story.approve()
    state = folded(story).state()
    assert (state.rejections, state.approvals["mcpe"][0], state.fact_seq) == ({}, yes, yes)


def test_a_newer_revision_of_what_is_being_posted_does_not_count() -> None:
    story = begun().cleared("r1", FIRE, "parks-social")
    story.receipt(story.attempt())
    seq = story.request("r1", FIRE, "parks-social", revision=2, first=False)
    reader = folded(story)
    assert "is being posted" in reader.void(seq)
    assert (reader.state().request.revision, reader.state().is_cleared) == (1, True)


def test_a_void_verdict_leaves_the_one_before_it_in_force() -> None:
    story = begun().cleared()
    good = story.last(subjects.verdict("r1"))
    story.verdict(outcome=Outcome.REFUSED, control_seq=999)
    attempt = story.attempt(verdict_seq=good)
    assert folded(story).void(attempt) == ""


texts = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.datetimes().map(str)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_entry_raises_whatever_is_changed_in_a_genuine_one(data: st.DataObject) -> None:
    """Genuine bytes with fields exchanged, under any subject, with any headers."""
    story = GENUINE
    entry = story.entries[data.draw(st.integers(0, len(story.entries) - 1))]
    value = json.loads(entry.data)
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from([*sorted(value), "unknown"]))
        odd = st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z", 10**30, -1, "", {}, []])
        value[name] = data.draw(st.one_of(texts, odd))
    subject = data.draw(st.one_of(st.just(entry.subject), st.sampled_from(PLACES)))
    reader = Reader().read(story.entries)
    seq = len(story.entries) + 1
    forged = type(entry)(seq, subject, story.now, json.dumps(value).encode(), dict(entry.headers))
    reader.read([*story.entries, forged])
    assert reader.fold.seq == seq


def _everything() -> Story:
    story = begun().cleared("r1", FIRE, "parks-social")
    receipt = story.receipt(story.attempt(), ReceiptOutcome.UNCONFIRMED)
    story.resolve(receipt)
    story.hold()
    return story


GENUINE = _everything()


def test_an_activation_that_another_one_overtook_is_void_without_an_alarm() -> None:
    """What protects is appended without a condition, so two activations may meet; the second one came too late."""
    story = begun()
    story.order("director", c.EocActivate(level=2, incident="flood"))
    late = story.order("director", c.EocActivate(level=2, incident="flood"))
    applied = Reader().read(story.entries).applied[late]
    assert applied.void
    assert applied.lost_race


@pytest.mark.parametrize(
    ("first", "late"),
    [
        (c.Revoke(officer="office"), c.Revoke(officer="office")),
        (c.Revoke(officer="office"), c.PasskeyRemove(officer="office", credential="A" * 22)),
        (c.ProfileRemove(profile=FIRE), c.ProfileSuspend(profile=FIRE)),
    ],
)
def test_what_protects_and_finds_it_done_is_void_without_an_alarm(first: c.Action, late: c.Action) -> None:
    story = begun()
    story.order("cao", first)
    seq = story.order("cao", late)
    applied = Reader().read(story.entries)
    assert not applied.void(seq - 1)
    assert applied.void(seq)
    assert applied.applied[seq].lost_race


def test_a_second_order_for_what_waits_for_another_officer_is_void_without_an_alarm() -> None:
    """Two officers at the same moment: seed 700751 of the simulation."""
    story = Story()
    story.genesis(threshold=2)
    first, late = (story.order(name, c.Revoke(officer="mcpe")) for name in ("cao", "cao"))
    applied = Reader().read(story.entries).applied
    assert not applied[first].void
    assert "the same waits already" in applied[late].void
    assert applied[late].lost_race


@pytest.mark.parametrize("action", [c.Hold(on=True), c.Withdraw(request_id="r1"), c.Revoke(officer="office")])
@pytest.mark.parametrize("key", [None, STRANGER], ids=["signed", "forged"])
def test_an_order_by_somebody_revoked_calls_for_an_alarm(action: c.Action, key: Signer | None) -> None:
    """Whoever has the key of eoc_state writes any name under it: nobody is told apart before the signature is."""
    story = begun()
    story.order("cao", c.Revoke(officer="pio"))
    seq = story.order("pio", action, key=key)
    applied = Reader().read(story.entries).applied[seq]
    assert applied.void
    assert not applied.lost_race


def test_only_what_protects_may_come_too_late_in_silence() -> None:
    """A stand-down carries a condition: one that does not fit where it is was written by no service of ours."""
    story = begun()
    unfit = story.order("director", c.EocStandDown())
    applied = Reader().read(story.entries).applied[unfit]
    assert applied.void
    assert not applied.lost_race


@pytest.mark.parametrize("newer", [True, False])
def test_an_attempt_that_a_revision_with_other_profiles_overtook_calls_for_no_alarm(newer: bool) -> None:
    """Seed 701069 of the simulation: each service cried that it was forged. On a profile that was never named it is."""
    story = begun().cleared()
    number, made = story.last(subjects.verdict("r1")), story.requests["r1"]
    if newer:
        story.request("r1", "parks-social", first=False, revision=2)
        story.requests["r1"] = made
    profile = FIRE if newer else "parks-social"
    late = story.attempt(profile=profile, verdict_seq=number)
    applied = folded(story).applied[late]
    assert applied.void
    assert applied.lost_race is newer
