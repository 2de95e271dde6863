"""An export stands by itself, with and without redactions; a redacted one can be opened, and tells nobody a guess."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import canonical
from schemas.events.audit import Openings
from services.audit.proof import MadeExport, Wanted, check_export, export_record
from services.audit.proof.exports.redact import BLACK, Redaction, RedactionError, commitment, rebuilt, shown
from services.desk.city import export_folder
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven
from tests.support.ledger_builder import LedgerBuilder, story, stranger
from tests.unit.audit.test_proving import DOCUMENT

PHONE = "604-555-0100"


@pytest.fixture(scope="module")
def builder(city: City) -> Iterator[LedgerBuilder]:
    """A day with a message that holds a telephone number, and its record."""
    shutil.rmtree(city.audit_folder, ignore_errors=True)
    made = story(LedgerBuilder(city))
    private = made.request("r9priv", text=f"Call Ms Doe, {PHONE}, for sandbags.")
    made.approve(private, "mcpe", reason=f"she agreed on {PHONE}")
    made.verdict(private)
    made.post(private)
    made.write()
    yield made
    shutil.rmtree(city.audit_folder)


def roots(city: City) -> frozenset[str]:
    """The city's root keys."""
    return frozenset(city.authority.root_keys)


def exported(builder: LedgerBuilder, *words: str, request_id: str | None = None) -> MadeExport:
    """Export the whole day."""
    wanted = Wanted(builder.entries[0].at, builder.now + timedelta(days=1), request_id, words)
    return export_record(builder.city, wanted, builder.now, builder.audit_signer())


def checked(made: MadeExport, city: City, openings: Openings | None = None) -> Any:
    """Check an export as it was made."""
    return check_export(made.export.to_bytes(), made.lines, roots(city), openings)


def test_an_export_stands_with_nothing_but_the_root_keys(city: City, builder: LedgerBuilder) -> None:
    """All entries of the time, none left out."""
    found = checked(exported(builder), city)
    assert [view.seq for view in found.views] == [entry.seq for entry in builder.entries]
    assert (found.whole, found.opened, found.statement.redacted) == (True, False, 0)


def test_the_time_and_the_request_bound_it(city: City, builder: LedgerBuilder) -> None:
    """From is in it, to is not."""
    first, last = builder.entries[4], builder.entries[9]
    wanted = Wanted(first.at, last.at)
    made = export_record(city, wanted, builder.now)
    assert [view.seq for view in made.views] == list(range(first.seq, last.seq))
    assert {view.request_id for view in exported(builder, request_id="r2a").views} == {"r2a"}
    with pytest.raises(BadInput) as refused:
        export_record(city, Wanted(builder.now + timedelta(days=1), builder.now + timedelta(days=2)), builder.now)
    assert refused.value.code == "export.empty"


def test_a_changed_entry_or_a_missing_line_is_found(city: City, builder: LedgerBuilder) -> None:
    """Each line has its own proof, and export.json names the file."""
    made = exported(builder)
    bent = [line.replace(b"fire-publisher", b"fire-publishes") for line in made.lines]
    for lines in (bent, made.lines[1:], made.lines[:-1]):
        with pytest.raises(Unproven):
            check_export(made.export.to_bytes(), lines, roots(city))
    with pytest.raises(Unproven) as refused:
        check_export(made.export.to_bytes(), made.lines, frozenset({stranger().public_key}))
    assert refused.value.code == "export.root"


def test_a_line_that_is_bent_with_its_hash_is_found(city: City, builder: LedgerBuilder) -> None:
    """Whoever bends an entry and export.json too has no path for it."""
    made = exported(builder)
    lines = tuple(line.replace(b"fire-publisher", b"fire-publishes") for line in made.lines)
    statement = made.export.statement.model_copy(update={"entries_sha256": canonical.sha256(b"".join(lines))})
    with pytest.raises(Unproven) as refused:
        check_export(made.export.model_copy(update={"statement": statement}).to_bytes(), lines, roots(city))
    assert refused.value.code == "export.entry"


def test_what_is_taken_out_is_gone_and_still_verifies(city: City, builder: LedgerBuilder) -> None:
    """Not in clear, not within base64, not in another case; with the openings it is in the record."""
    made = exported(builder, PHONE, "MS DOE")
    out = made.export.to_bytes() + b"".join(made.lines)
    texts = out.decode() + "".join(decoded(out.decode()))
    assert PHONE not in texts
    assert "Ms Doe" not in texts
    assert made.openings is not None
    found = checked(made, city)
    assert not found.opened
    assert found.statement.redacted > 3
    message = next(view.body for view in found.views if view.kind == "request" and view.request_id == "r9priv")
    assert message is not None
    assert message["text"] == f"Call {BLACK}, {BLACK}, for sandbags."
    assert checked(made, city, made.openings).opened


def test_no_hash_and_no_signature_of_it_confirms_a_guess(city: City, builder: LedgerBuilder) -> None:
    """Whatever follows from the words alone is gone too: the request's hashes wherever they stand, and the paths."""
    made = exported(builder, PHONE)
    mine = [entry for entry in builder.entries if b"r9priv" in entry.data]
    told = made.export.to_bytes() + b"".join(made.lines)
    told += "".join(decoded(told.decode())).encode()
    for entry in mine:
        for found in re.findall(rb"[0-9a-f]{64}", entry.data):
            assert found not in told, (entry.seq, found)
        for signature in re.findall(rb'"sig":"([^"]+)"', entry.data):
            assert signature not in told
        assert canonical.sha256(b"\x00" + entry.raw).encode() not in told


def test_the_audit_key_answers_for_a_redacted_export(city: City, builder: LedgerBuilder) -> None:
    """Without its signature, or with another's, what is left proves nothing; a changed word neither."""
    made = exported(builder, PHONE)
    unsigned = made.export.model_copy(update={"signed": None})
    other = made.export.model_copy(
        update={"signed": stranger().sign(made.export.signed.payload_type, made.export.statement)}  # type: ignore[union-attr]
    )
    for export in (unsigned, other):
        with pytest.raises(Unproven) as refused:
            check_export(export.to_bytes(), made.lines, roots(city))
        assert refused.value.code == "export.signature"
    lines = [line.replace(b"sandbags", b"handbags") for line in made.lines]
    with pytest.raises(Unproven):
        check_export(made.export.to_bytes(), lines, roots(city))


def test_a_lie_that_the_audit_key_signed_falls_with_the_openings(city: City, builder: LedgerBuilder) -> None:
    """The keeper of the record may sign anything: the openings are held against the sealed tree."""
    made = exported(builder, PHONE)
    lines = tuple(line.replace(b"sandbags", b"handbags") for line in made.lines)
    statement = made.export.statement.model_copy(update={"entries_sha256": canonical.sha256(b"".join(lines))})
    signed = builder.audit_signer().sign("application/vnd.onevoice.export.v1+json", statement)
    export = made.export.model_copy(update={"statement": statement, "signed": signed}).to_bytes()
    assert check_export(export, lines, roots(city)).views
    with pytest.raises(Unproven) as refused:
        check_export(export, lines, roots(city), made.openings)
    assert refused.value.code == "export.entry"


def test_openings_that_do_not_fit_are_refused(city: City, builder: LedgerBuilder) -> None:
    """Another value, or none, opens nothing."""
    made = exported(builder, PHONE)
    assert made.openings is not None
    name, opening = next(iter(made.openings.openings.items()))
    bent = {**made.openings.openings, name: opening.model_copy(update={"value": "another"})}
    for openings in (bent, {}):
        with pytest.raises(Unproven) as refused:
            checked(made, city, made.openings.model_copy(update={"openings": openings}))
        assert refused.value.code == "export.opening"


def test_the_manifest_cannot_be_redacted(city: City, builder: LedgerBuilder) -> None:
    """Each proof shows it: a word in it would be taken out of the entries in vain."""
    with pytest.raises(BadInput) as refused:
        exported(builder, "fire-publisher")
    assert refused.value.code == "export.manifest"


def test_the_folder_reads_as_people_need_it(city: City, builder: LedgerBuilder, tmp_path: Path) -> None:
    """Renderings, receipts and a timeline, none of which holds what was taken out; markup in a text stays text."""
    made = exported(builder, PHONE)
    written = export_folder.write(city, made, tmp_path / "out", (PHONE,))
    assert written.openings is not None
    assert written.openings.stat().st_mode & 0o777 == 0o600
    assert written.openings.parent != tmp_path / "out"
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or PHONE not in path.read_text()
    page = (tmp_path / "out" / "timeline.html").read_text()
    assert "mcpe approved exactly these words" in page
    assert f"Call Ms Doe, {BLACK}, for sandbags." in page
    assert "eoc activate" in page
    assert "<script" not in page
    assert "delivered" in (tmp_path / "out" / "receipts.csv").read_text()
    text = next((tmp_path / "out" / "renderings").glob("r9priv.*.txt")).read_text()
    assert BLACK in text
    assert export_folder.check(tmp_path / "out", roots(city), written.openings).opened
    with pytest.raises(BadInput) as refused:
        export_folder.write(city, made, tmp_path / "out", (PHONE,))
    assert refused.value.code == "export.exists"


def test_markup_in_a_message_stays_text(city: City, builder: LedgerBuilder, tmp_path: Path) -> None:
    """The page is read in a browser."""
    made = exported(builder)
    evil = [
        dataclasses.replace(view, body={**(view.body or {}), "text": "<script>alert(1)</script>\x1b[2J"})
        if view.kind == "request"
        else view
        for view in made.views
    ]
    export_folder.write(city, dataclasses.replace(made, views=tuple(evil)), tmp_path / "out", ())
    page = (tmp_path / "out" / "timeline.html").read_text()
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text('abc{}~"é0', max_size=8) | st.just('{"a":"abc"}'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "sig", "payload"]), inner),
    max_leaves=8,
)


@given(JSON, st.booleans())
def test_what_is_taken_out_of_any_value_comes_back(value: Any, hashes: bool) -> None:
    """Redaction and opening are inverse; what is shown holds no word."""
    redaction = Redaction(("abc",))
    hidden = redaction.take_out(value, hashes=hashes)
    assert rebuilt(hidden, redaction.openings) == value
    assert "abc" not in json.dumps(shown(hidden)).replace("\\", "")


def test_a_commitment_hides_by_its_salt() -> None:
    """The same word gives another commitment each time, and none opens without its salt."""
    redaction = Redaction(("abc",))
    one, two = redaction.hide("abc"), redaction.hide("abc")
    assert one != two
    with pytest.raises(RedactionError):
        rebuilt(one, {})


def test_the_vectors_of_the_document_are_true() -> None:
    """docs/proof.md is what another language is written by."""
    vectors = json.loads(re.findall(r"```json redaction\n(.*?)```", DOCUMENT.read_text(), re.S)[0])
    for one in vectors["commitments"]:
        assert commitment(bytes.fromhex(one["salt"]), one["value"]) == one["commitment"]
    openings = Openings.from_value({"openings": vectors["openings"], "paths": {}}).openings
    assert rebuilt(vectors["redacted"], openings) == vectors["leaf_input"]


def decoded(text: str) -> Iterator[str]:
    """Yield what is in base64 in a text, one level deep."""
    for word in re.findall(r"[A-Za-z0-9+/]{24,}={0,2}", text):
        try:
            yield base64.b64decode(word, validate=True).decode(errors="replace")
        except ValueError:
            continue
