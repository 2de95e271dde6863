"""Each parser of bytes that come from outside: what it takes, seeds that it reads, and how it may refuse the rest."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nacl.pwhash.argon2id import MEMLIMIT_MIN, OPSLIMIT_MIN
from PIL import Image
from pydantic import TypeAdapter

from schemas import canonical, cloudevents, links
from schemas.events.envelope import Envelope
from schemas.subjects import place_of
from services.audit.proof import check_export, check_proof
from services.audit.record.audit_keys import AuditKeys
from services.audit.record.checkpoints import CheckpointError, read_checkpoint
from services.audit.record.format import LineError, RecordEntry, read_line, write_line
from services.audit.record.witness import WitnessError, read_witnessed
from services.desk.keys.invitation import read_invitation
from services.desk.keys.sealed import read_sealed, seal_seed
from services.desk.views.timetext import duration, looked_back, moment
from services.fanout.connectors.calls.http import json_of
from services.fanout.connectors.calls.waits import server_time, wait_of
from services.fanout.connectors.linkedin.api import read_share
from services.fanout.connectors.mastodon.instance import read_limits
from services.fanout.connectors.mastodon.text import plain_text, read_status
from services.fanout.connectors.x.api import read_post
from services.intake.domain.pictures.media import clean_picture
from services.intake.domain.text import clean
from services.kernel.authority.signing import Signer, load_key, new_seed, raw_public, verified_by
from services.kernel.base.city import load_city
from services.kernel.base.errors import BadInput, OneVoiceError, Unproven
from services.kernel.fold.reading import parse_control_event
from services.kernel.ledger.entry import entry_time, parse_time
from services.provision.generate.contracts import CONTRACTS

GOLDEN = Path(__file__).resolve().parents[1] / "support" / "golden"
NOW = datetime(2026, 1, 31, 14, tzinfo=UTC)
KEY = "U" + "A" * 55
KEYS = AuditKeys(KEY)
LISTING = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""What the connectors catch around the reading of a platform's listing."""


@dataclass(frozen=True)
class OutsideParser:
    """A parser: ``refuses`` are the errors by which it may say no; any other is a fault."""

    name: str
    read: Callable[[bytes], Any]
    refuses: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]


def parsers(folder: Path) -> Iterator[OutsideParser]:
    """Yield all of them; ``folder`` is where those that read files find theirs."""
    yield from _contracts()
    yield from _records()
    yield from _files(folder)
    yield from _platforms()
    yield from _typed()


def _contracts() -> Iterator[OutsideParser]:
    events = tuple(path.read_bytes() for path in sorted(GOLDEN.glob("*/events/*.json")))
    some = events[:: max(1, len(events) // 40)]
    yield OutsideParser("json", canonical.loads, (canonical.StrictJsonError,), some)
    for name, contract in CONTRACTS.items():
        read = _of_adapter(contract) if isinstance(contract, TypeAdapter) else contract.from_bytes
        yield OutsideParser(f"contract {name}", read, (ValueError,), some)
    yield OutsideParser("control event", parse_control_event, (ValueError,), events[:40])
    yield OutsideParser("cloud event", cloudevents.value_of, (ValueError,), (_cloud_event(),))
    yield OutsideParser("envelope", _verified, (ValueError,), (_envelope(),))


def _cloud_event() -> bytes:
    data = {"text": "Road closed", "targets": ["fire-x"], "crisis": False}
    kind = "ca.onevoice.request.submitted.v1"
    return canonical.dumps({"specversion": "1.0", "id": "1", "source": "urn:x", "type": kind, "data": data})


def _of_adapter(adapter: TypeAdapter[Any]) -> Callable[[bytes], Any]:
    return lambda raw: adapter.validate_python(canonical.loads(raw))


def _envelope() -> bytes:
    signed = {"payloadType": "application/json", "payload": "e30=", "signatures": [{"keyid": KEY, "sig": "AAAA"}]}
    return canonical.dumps(signed)


def _verified(raw: bytes) -> frozenset[str]:
    return verified_by(Envelope.from_bytes(raw), "application/json")


def _records() -> Iterator[OutsideParser]:
    line, _ = write_line(RecordEntry(7, "ledger.request.r1", NOW, b'{"type":"request"}', {"Nats-Msg-Id": "m"}))
    roots = frozenset({KEY})
    envelope = _envelope()
    yield OutsideParser("record line", read_line, (LineError,), (line,))
    yield OutsideParser("checkpoint", lambda raw: read_checkpoint(raw, "live", KEYS), (CheckpointError,), (envelope,))
    witnessed = canonical.dumps({"checkpoint": json.loads(envelope), "since": 0, "consistency": []})

    def read_file(raw: bytes) -> Any:
        return read_witnessed(raw.splitlines(), "live", KEYS)

    yield OutsideParser("witness", read_file, (WitnessError,), (witnessed,))
    proof = canonical.dumps({"type": "proof", "request_id": "r1", "manifest": json.loads(envelope),
                             "checkpoint": json.loads(envelope), "entries": []})  # fmt: skip
    yield OutsideParser("proof", lambda raw: check_proof(raw, roots), (Unproven,), (proof,))
    yield OutsideParser("export", lambda raw: check_export(raw, raw.splitlines(), roots), (Unproven,), (proof,))


def _files(folder: Path) -> Iterator[OutsideParser]:
    def of(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
        path = folder / name

        def written(raw: bytes) -> Any:
            path.write_bytes(raw)
            path.chmod(0o600)
            return read(path)

        return written

    toml = (folder / "city" / "city.toml").read_bytes()
    city = folder / "city"
    seed = new_seed()
    yield OutsideParser("city.toml", of("city/city.toml", lambda _: load_city(city)), (BadInput,), (toml,))
    invitation = canonical.dumps({"onevoice_invitation": 1, "city": "M", "website": "https://m.example"})
    yield OutsideParser("invitation", of("invitation", read_invitation), (BadInput,), (invitation,))
    yield OutsideParser("key", of("key.nk", load_key), (BadInput,), (seed,))
    sealed = seal_seed(seed, "correct horse battery", operations=OPSLIMIT_MIN, memory=MEMLIMIT_MIN).to_bytes()
    yield OutsideParser("sealed key", of("sealed.nk", read_sealed), (OneVoiceError,), (sealed,))


def _platforms() -> Iterator[OutsideParser]:
    status = {"id": "1", "content": "<p>Road <a href='x'>closed</a></p>", "created_at": "2026-01-31T14:00:00Z"}
    post = {"id": "1", "text": "Road https://t.co/a", "created_at": "2026-01-31T14:00:00Z",
            "entities": {"urls": [{"url": "https://t.co/a", "expanded_url": "https://m.example"}]}}  # fmt: skip
    share = {"id": "urn:li:share:1", "createdAt": 1769868000000, "commentary": "Road"}
    limits = {"configuration": {"statuses": {"max_characters": 500}}}
    for name, read, seed in (
        ("mastodon status", read_status, status),
        ("x post", read_post, post),
        ("linkedin share", read_share, share),
        ("mastodon limits", read_limits, limits),
    ):
        yield OutsideParser(name, _of_json(read), LISTING, (json.dumps(seed).encode(),))
    yield OutsideParser("mastodon html", _of_text(plain_text), (), (b"<p>Road<br>closed &amp; <b>open</p>",))
    for kind in ("PNG", "JPEG", "WEBP", "GIF"):
        raw = io.BytesIO()
        Image.new("RGB", (9, 7), "red").save(raw, kind)
        yield OutsideParser(f"picture {kind}", clean_picture, (BadInput,), (raw.getvalue(),))


def _of_json(read: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    return lambda raw: read(json_of(raw))


def _of_text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
    return lambda raw: read(raw.decode(errors="replace"))


def _typed() -> Iterator[OutsideParser]:
    yield OutsideParser("message text", _of_text(clean), (BadInput,), ("Road clösed 👩‍🚒 https://m.example".encode(),))
    yield OutsideParser("duration", _of_text(duration), (BadInput,), (b"1h30m", b"2d"))
    zone = UTC
    for name, read in (("moment", moment), ("looked back", looked_back)):

        def told(text: str, read: Any = read) -> Any:
            return read(text, NOW, zone, "at")

        yield OutsideParser(name, _of_text(told), (BadInput,), (b"2026-02-01T18:00-08:00", b"2026-01-01", b"4h"))
    yield OutsideParser("subject", _of_text(place_of), (), (b"ledger.approval.r1.pio",))
    yield OutsideParser("server's time", _of_text(parse_time), (ValueError,), (b"2026-01-31T14:00:00.123456789Z",))
    yield OutsideParser(
        "restored time", _of_text(_restored), (), (b"2026-01-31T14:00:00+00:00", b"0001-01-01T00:00:00+14:00")
    )
    yield OutsideParser("public key", _of_text(raw_public), (ValueError,), (Signer(new_seed()).public_key.encode(),))
    yield OutsideParser("links", _of_text(lambda text: list(links.find(text))), (), (b"see https://m.example/a(b).",))
    for name, read_header in (("waits", wait_of), ("server's date", server_time)):

        def header(text: str, read: Any = read_header) -> Any:
            headers = {"Retry-After": text, "X-RateLimit-Reset": text, "Date": text}
            return read(headers, NOW) if read is wait_of else read(headers)

        yield OutsideParser(name, _of_text(header), (), (b"Sat, 31 Jan 2026 14:00:00 GMT", b"17"))


def _restored(said: str) -> datetime:
    headers = {"OneVoice-At": said, "Nats-Expected-Last-Sequence": "6"}
    return entry_time(NOW + timedelta(days=1), 7, headers, 7)
