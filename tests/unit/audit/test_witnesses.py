"""Checkpoints go to a folder, to the website and by mail to the clerk, and the record must fit what they got."""

from __future__ import annotations

import email
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from services.audit.proof import verify_record
from services.audit.record.folder import CHECKPOINTS, LEDGER
from services.audit.witnesses import give, witness_files
from services.desk.city.last_verified import copy_began, keep_result, read_result
from services.desk.city.outside import known_checkpoints
from services.desk.views.state import health
from services.desk.views.state.health import Level
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven
from services.kernel.base.settings.city_file import NotifySection, WitnessSection
from tests.support.ledger_builder import LedgerBuilder, story
from tests.unit.audit.conftest import moved


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Inbox(Message):
    """Keeps the mails that came."""

    def __init__(self) -> None:
        super().__init__(EmailMessage)
        self.mails: list[EmailMessage] = []

    def prepare_message(self, _session: object, envelope: object) -> EmailMessage:
        found = email.message_from_bytes(envelope.content, policy=default)  # type: ignore[attr-defined]
        assert isinstance(found, EmailMessage)
        return found

    def handle_message(self, message: EmailMessage) -> None:  # type: ignore[override]
        self.mails.append(message)


@pytest.fixture
def clerk() -> Iterator[tuple[Inbox, str]]:
    """A mail server, and its address."""
    inbox = Inbox()
    port = _free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield inbox, f"127.0.0.1:{port}"
    controller.stop()


@pytest.fixture
def made(city: City, tmp_path: Path) -> tuple[City, LedgerBuilder]:
    """A record in a folder of its own, with a witness folder elsewhere."""
    section = WitnessSection(folder=str(tmp_path / "vault"))
    place = moved(City(city.folder, city.settings.model_copy(update={"witness": section}), "live"), tmp_path / "city")
    builder = story(LedgerBuilder(city))
    _write(place, builder, len(builder.entries) - 4)
    return place, builder


def _write(place: City, builder: LedgerBuilder, entries: int) -> None:
    other = builder.branch(entries)
    other.city, signer = place, builder.audit_signer()
    other.audit_signer = lambda: signer  # type: ignore[method-assign]
    other.write()


def test_witnesses_on_this_machine_find_a_record_that_was_cut(made: tuple[City, LedgerBuilder]) -> None:
    """The folder and the site keep each checkpoint with a proof from the one before; verify reads them by itself."""
    place, builder = made
    assert set(give(place, 10_000).places) == {str(path) for path in witness_files(place)}
    assert give(place, 10_000).places == ()
    earlier = {name: (place.audit_folder / name).read_bytes() for name in (LEDGER, CHECKPOINTS)}
    _write(place, builder, len(builder.entries))
    given = give(place, 10_000)
    assert (len(given.places), given.troubles) == (2, ())
    known = known_checkpoints(place, ())
    assert len(known) == 4
    assert verify_record(place, builder.now, known=known).ok
    for name, content in earlier.items():
        (place.audit_folder / name).write_bytes(content)
    assert verify_record(place, builder.now).ok
    assert {one.code for one in verify_record(place, builder.now, known=known).violations} == {"record.truncated"}
    assert "the record" in " ".join(give(place, 10_000).troubles)


def test_a_record_that_tells_another_story_gets_no_witness(made: tuple[City, LedgerBuilder]) -> None:
    """A longer record, signed with the audit key, that did not grow out of what the witness has."""
    place, builder = made
    give(place, 10_000)
    shutil.rmtree(place.audit_folder)
    builder.entries[5:7] = []
    builder.entries = [replace(one, seq=seq) for seq, one in enumerate(builder.entries, 1)]
    _write(place, builder, len(builder.entries))
    given = give(place, 10_000)
    assert (given.places, len(given.troubles)) == ((), 2)
    assert "did not grow out of" in given.troubles[0]


def test_the_clerk_gets_a_file_that_verify_takes(
    made: tuple[City, LedgerBuilder], clerk: tuple[Inbox, str], tmp_path: Path
) -> None:
    """By the mail server of [notify]; once for each checkpoint; what was attached is what --checkpoint reads."""
    place, builder = made
    inbox, address = clerk
    place.settings = place.settings.model_copy(
        update={
            "witness": WitnessSection(website=False, mail=("clerk@mission.example",)),
            "notify": NotifySection(first=("pio@mission.example",), smtp=address, security="none"),
        }
    )
    assert give(place, 10_000).places == ("mail to clerk@mission.example",)
    assert give(place, 10_000).places == ()
    [mail] = inbox.mails
    [attached] = mail.iter_attachments()
    file = tmp_path / "kept.jsonl"
    file.write_bytes(attached.get_payload(decode=True))  # type: ignore[arg-type]
    assert (mail["To"], [one.last_seq for one in known_checkpoints(place, [file])]) == (
        "clerk@mission.example",
        [len(builder.entries) - 4],
    )


def test_a_mail_that_cannot_be_sent_is_told_and_tried_again(made: tuple[City, LedgerBuilder]) -> None:
    """The other witnesses get theirs; the doctor says it."""
    place, builder = made
    place.settings = place.settings.model_copy(update={"witness": WitnessSection(mail=("clerk@mission.example",))})
    given = give(place, 10_000)
    assert (len(given.places), "no [notify]" in given.troubles[0]) == (1, True)
    assert give(place, 10_000).troubles == given.troubles
    keep_result(place, verify_record(place, builder.now), given, builder.now)
    line = health.verified(read_result(place), builder.now)
    assert (line.level, "clerk" in line.detail) == (Level.WARN, True)


def test_the_doctor_says_how_the_last_verification_went(made: tuple[City, LedgerBuilder]) -> None:
    """None yet, well, and wrong; what is wrong is not proven."""
    place, builder = made
    assert health.verified(read_result(place), builder.now).level is Level.OK
    began = copy_began(place)
    assert began is not None
    for hours, level in ((25, Level.OK), (27, Level.WARN)):  # a timer that nobody enabled
        assert health.verified(None, began + timedelta(hours=hours), began).level is level
    assert copy_began(City(place.folder / "nowhere", place.settings)) is None
    (place.audit_folder / CHECKPOINTS).write_bytes(b"")
    keep_result(place, verify_record(place, builder.now), give(place, 10_000), builder.now)
    line = health.verified(read_result(place), builder.now)
    assert (line.level, line.unproven) == (Level.FAIL, True)


def test_a_file_that_holds_no_checkpoint_is_refused(made: tuple[City, LedgerBuilder], tmp_path: Path) -> None:
    """Also one that is not there: it must not look as if the record had been held against something."""
    place, _ = made
    with pytest.raises(BadInput):
        known_checkpoints(place, [tmp_path / "nothing.jsonl"])
    (tmp_path / "empty.jsonl").write_bytes(b"")
    with pytest.raises(Unproven) as refused:
        known_checkpoints(place, [tmp_path / "empty.jsonl"])
    assert refused.value.code == "witness.empty"
