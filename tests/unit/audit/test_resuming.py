"""A verification goes on where the last one ended, sees what one of the whole record sees, and trusts no bytes."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.audit.proof import Report, resume, verify_record
from services.audit.proof.plain_pickle import pickled
from services.audit.proof.replay_state import ReplayState
from services.audit.proof.signed_pieces import SignedPieces
from services.audit.record.folder import LEDGER
from services.kernel.base.city import City
from tests.support.ledger_builder import LedgerBuilder, authority_of, story, stranger
from tests.unit.audit.judging import cleared


@pytest.fixture
def builder(city: City) -> Iterator[LedgerBuilder]:
    """A day of which the first part is verified, and kept."""
    shutil.rmtree(city.audit_folder, ignore_errors=True)
    made = story(LedgerBuilder(city))
    made.write()
    first = verified(made)
    assert (first.ok, first.resumed_from) == (True, 0)
    yield made
    shutil.rmtree(city.audit_folder)


def verified(builder: LedgerBuilder, **more: Any) -> Report:
    """Verify as the timer does."""
    given = {"resume": True, "signer": builder.audit_signer(), **more}
    return verify_record(builder.city, builder.now, **given)


def test_only_what_is_new_is_judged_and_the_answer_is_the_same(builder: LedgerBuilder) -> None:
    """What was judged before counts as judged, with its warnings, attempts and seals."""
    before = len(builder.entries)
    builder.post(cleared(builder, name="r9new"))
    builder.write()
    again, whole = verified(builder), verify_record(builder.city, builder.now)
    assert again.resumed_from == before
    assert whole.resumed_from == 0
    assert {**vars(again), "resumed_from": 0} == vars(whole)
    assert verified(builder).resumed_from == len(builder.entries)


def test_a_fault_that_hangs_on_the_part_before_is_seen(builder: LedgerBuilder) -> None:
    """The second post of a message whose first one is in the part that is not judged again."""
    request = next(one for one in _requests(builder) if one.request_id == "r3b")
    builder.append(f"ledger.receipt.{request.targets[0]}.r3b", _delivered_elsewhere(builder, request))
    builder.write()
    again, whole = verified(builder), verify_record(builder.city, builder.now)
    assert again.resumed_from > 0
    assert not again.ok
    assert again.violations == whole.violations
    assert verified(builder).violations == whole.violations  # what is wrong is not kept as verified


def test_what_is_over_for_hours_is_let_go_and_judged_whole_when_it_comes_back(builder: LedgerBuilder) -> None:
    """The kept state holds what is going on; a late receipt, a correction or a withdrawal has all of it judged."""
    builder.wait(7 * 3600)
    builder.post(cleared(builder, name="r8b"))
    builder.write()
    assert verified(builder).resumed_from > 0
    kept = resume.kept_state(builder.city.audit_folder, authority_of(builder.city), builder.now)
    assert kept is not None
    assert list(kept.state.contexts) == ["r8b"]
    builder.post(cleared(builder, name="r9new"))
    builder.write()
    again, whole = verified(builder), verify_record(builder.city, builder.now)
    assert again.resumed_from > 0
    assert {**vars(again), "resumed_from": 0} == vars(whole)
    request = next(one for one in _requests(builder) if one.request_id == "r3b")
    builder.append(f"ledger.receipt.{request.targets[0]}.r3b", _delivered_elsewhere(builder, request))
    builder.write()
    again, whole = verified(builder), verify_record(builder.city, builder.now)
    assert (again.resumed_from, again.violations) == (0, whole.violations)
    assert not again.ok


def test_a_correction_of_what_is_over_for_hours_is_judged_whole(builder: LedgerBuilder) -> None:
    """Whether its turn had come hangs on the first one."""
    builder.wait(7 * 3600)
    builder.post(cleared(builder, name="r8b"))
    builder.write()
    verified(builder)
    builder.post(cleared(builder, name="r9c", follows="r3b"))
    builder.write()
    again, whole = verified(builder), verify_record(builder.city, builder.now)
    assert again.resumed_from == 0
    assert vars(again) == vars(whole)


def test_changed_bytes_in_the_part_before_are_named(builder: LedgerBuilder) -> None:
    """Its lines are hashed and held against the checkpoints, whatever was kept."""
    path = builder.city.audit_folder / LEDGER
    path.write_bytes(path.read_bytes().replace(b"fire-publisher", b"fire-publishes", 1))
    again, whole = verified(builder), verify_record(builder.city, builder.now)
    assert not again.ok
    assert again.resumed_from == 0
    assert again.violations == whole.violations


def test_a_record_that_was_cut_is_named(builder: LedgerBuilder) -> None:
    """Fewer entries than were verified before."""
    path = builder.city.audit_folder / LEDGER
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-3]))
    assert "record.truncated" in {one.code for one in verified(builder).violations}


def test_once_a_day_all_of_it_is_judged(builder: LedgerBuilder) -> None:
    """Whoever has the audit key could keep a false state: for a day. A clock that went back trusts nothing."""
    builder.now += timedelta(hours=23)
    assert verified(builder).resumed_from > 0
    builder.now += timedelta(hours=2)
    assert verified(builder).resumed_from == 0
    builder.now -= timedelta(hours=26)
    assert verified(builder).resumed_from == 0


PLACES = {"first byte": 0, "content": 500, "hash": -(64 + 8 + 20), "count": -(64 + 1), "highest of count": -(64 + 8)}
PLACES |= {"signature": -20, "last byte": -1}
"""Where a bit of the kept file is flipped."""


class _Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ["EVIL"],)


@pytest.mark.parametrize(
    "what",
    [*PLACES, "cut", "a piece less", "other key", "other rules", "other root keys", "evil", "garbage", "other type"],
)
def test_a_state_that_cannot_be_trusted_is_passed_over(
    builder: LedgerBuilder, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damaged, signed by another, of older rules, of other pinned keys; and it never runs what it holds."""
    monkeypatch.setenv("EVIL", str(tmp_path / "evil"))
    path = builder.city.audit_folder / resume.NAME
    raw, signer, more = path.read_bytes(), builder.audit_signer(), dict[str, Any]()
    if what in PLACES:
        path.write_bytes(raw[: PLACES[what]] + bytes([raw[PLACES[what]] ^ 1]) + raw[PLACES[what] + 1 or len(raw) :])
    elif what == "cut":
        path.write_bytes(raw[:-1_000])
    elif what == "a piece less":
        path.write_bytes(raw[1_000:])
    elif what == "other rules":
        kept = resume.kept_state(builder.city.audit_folder, authority_of(builder.city), builder.now)
        assert kept is not None
        resume.keep_state(builder.city.audit_folder, replace(kept, code="0" * 64), signer)
    elif what == "other root keys":
        pinned = authority_of(builder.city)
        more["keys"] = type(pinned)(pinned.realm, pinned.root_keys, pinned.threshold + 1, pinned.audit_keys)
        assert resume.kept_state(builder.city.audit_folder, more["keys"], builder.now) is None
        return
    else:
        body = {
            "other key": pickled(resume.kept_state(builder.city.audit_folder, authority_of(builder.city), builder.now)),
            "evil": pickle.dumps(_Evil()),
            "garbage": b"garbage",
            "other type": pickle.dumps(ReplayState(authority_of(builder.city))),
        }[what]
        by = stranger() if what == "other key" else signer
        with path.open("wb") as file:
            pieces = SignedPieces(file)
            pieces.write(body)
            pieces.seal(by)
    assert verified(builder, signer=None).resumed_from == 0
    assert not (tmp_path / "evil").exists()


def test_without_the_audit_key_nothing_is_kept(builder: LedgerBuilder) -> None:
    """A machine that has the copy alone verifies all of it each time."""
    (builder.city.audit_folder / resume.NAME).unlink()
    assert verified(builder, signer=None).resumed_from == 0
    assert verified(builder, signer=None).resumed_from == 0


def _requests(builder: LedgerBuilder) -> Any:
    from schemas.events.requests import Request

    return [Request.from_bytes(one.data) for one in builder.entries if one.subject.startswith("ledger.request.")]


def _delivered_elsewhere(builder: LedgerBuilder, request: Any) -> Any:
    from schemas.events.deliveries import Receipt

    attempt = next(one for one in builder.entries if one.subject.startswith("ledger.attempt.") and b"r3b" in one.data)
    first = next(one for one in builder.entries if one.subject.startswith("ledger.receipt.") and b"r3b" in one.data)
    old = Receipt.from_bytes(first.data)
    return old.model_copy(update={"attempt_seq": attempt.seq, "remote_id": "another", "url": None})
