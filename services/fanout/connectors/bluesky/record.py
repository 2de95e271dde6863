"""A message as records of a Bluesky account: their keys, their content, their content ids. Pure.

The key (a TID) follows from the request and the profile, and ``createdAt`` is frozen in the approved content. So each
repeat is the same record under the same key, and its content id (CID) can be computed beforehand and compared with what
stands. Source: atproto.com/specs (record-key, tid, data-model) and the lexicon app.bsky.feed.post.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import libipld

from schemas.events.requests import Picture, PlatformContent
from services.fanout.connectors.bluesky.facets import facets, mentions_of

COLLECTION = "app.bsky.feed.post"
_IMAGES = "app.bsky.embed.images"
_SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"
_DAG_CBOR, _RAW = 0x71, 0x55
_SHA256 = b"\x12\x20"
_URI = re.compile(
    rf"at://(?P<did>did:[a-z]+:[A-Za-z0-9._:%-]{{1,200}})/{re.escape(COLLECTION)}/(?P<key>[2-7a-z]{{13}})"
)


@dataclass(frozen=True)
class Ref:
    """A record at a content: its address (at://...) and its CID."""

    uri: str
    cid: str

    def value(self) -> dict[str, str]:
        """Return it as com.atproto.repo.strongRef."""
        return {"uri": self.uri, "cid": self.cid}


@dataclass(frozen=True)
class Image:
    """A picture that the account's server has: ``size`` in bytes, ``width`` and ``height`` in pixels."""

    picture: Picture
    size: int
    width: int
    height: int


def record_keys(request_id: str, revision: int, profile: str, content: PlatformContent) -> list[str]:
    """Return the record key of each part: a TID of 13 characters, rising by one from part to part.

    Its time is the second in which the request was made; all else is a hash of what makes the post this one.
    """
    seed = int.from_bytes(hashlib.sha256(f"{request_id}\n{revision}\n{profile}".encode()).digest()[:8])
    micros = int(content.created_at.timestamp()) * 1_000_000 + (seed >> 10) % 999_000
    return [_tid(micros + number, seed & 1_023) for number in range(len(content.parts))]


def uri_of(did: str, key: str) -> str:
    """Return a post's address."""
    return f"at://{did}/{COLLECTION}/{key}"


def read_uri(uri: str) -> tuple[str, str] | None:
    """Return the account (DID) and the key of a post's address; None where it is none of ours."""
    match = _URI.fullmatch(uri)
    return (match["did"], match["key"]) if match else None


def record_of(
    content: PlatformContent,
    number: int,
    *,
    language: str,
    images: Sequence[Image] = (),
    dids: Mapping[str, str] | None = None,
    reply: tuple[Ref, Ref] | None = None,
) -> dict[str, Any]:
    """Return the record of a part, in its JSON form.

    Args:
        content: what was approved.
        number: which part, from 0; the pictures are the first one's.
        language: BCP 47, of content that names none.
        images: what the server has of the content's pictures.
        dids: the accounts of mentioned handles.
        reply: the root of the thread, and the post that this one answers.
    """
    text = content.parts[number]
    record: dict[str, Any] = {
        "$type": COLLECTION,
        "text": text,
        "createdAt": _time(content.created_at),
        "langs": list(content.together or ()) or [content.language_of(number) or language],
    }
    if found := facets(text, dids or {}):
        record["facets"] = found
    if images and number == 0:
        record["embed"] = {"$type": _IMAGES, "images": [_image(one) for one in images]}
    if reply is not None:
        record["reply"] = {"root": reply[0].value(), "parent": reply[1].value()}
    return record


def cid_of(record: Mapping[str, Any]) -> str:
    """Return the content id of a record in its JSON form (CIDv1, DAG-CBOR, SHA-256)."""
    digest = hashlib.sha256(libipld.encode_dag_cbor(_ipld(record))).digest()
    return libipld.encode_cid(bytes([1, _DAG_CBOR]) + _SHA256 + digest)


def blob_cid(sha256: str) -> str:
    """Return the content id of bytes by their SHA-256 (64 hexadecimal digits)."""
    return libipld.encode_cid(bytes([1, _RAW]) + _SHA256 + bytes.fromhex(sha256))


def write_of(did: str, keys: Sequence[str], records: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return the method and the body that write records where nothing is there: all of them, or none."""
    if len(records) == 1:
        body = {"collection": COLLECTION, "rkey": keys[0], "record": records[0], "swapRecord": None}
        return "com.atproto.repo.putRecord", {"repo": did, **body}
    kind = {"$type": "com.atproto.repo.applyWrites#create", "collection": COLLECTION}
    writes = [kind | {"rkey": key, "value": record} for key, record in zip(keys, records, strict=True)]
    return "com.atproto.repo.applyWrites", {"repo": did, "writes": writes}


def named_by(body: Any) -> tuple[Ref, ...]:
    """Return the records that a write's answer names."""
    try:
        return tuple(Ref(str(one["uri"]), str(one["cid"])) for one in body.get("results", [body]))
    except (AttributeError, KeyError, TypeError):
        return ()


def is_approved(
    found: Any, content: PlatformContent, number: int, language: str, reply: tuple[Ref, Ref] | None
) -> tuple[str, int] | None:
    """Say whether an existing record is a part of what was approved.

    Built again from the approved content, it must be equal, whole. Pictures may be missing, for one that fails blocks
    nothing; sizes and the accounts behind mentions are taken from what is there.

    Returns:
        Its content id and how many pictures it has; None where it is anything else.
    """
    if not isinstance(found, dict):
        return None
    images = _images(found.get("embed"), content.pictures)
    dids = mentions_of(content.parts[number], found.get("facets"))
    again = record_of(content, number, language=language, images=images, dids=dids, reply=reply)
    return (cid_of(again), len(images)) if again == found else None


def reply_of(found: Any, parent: str) -> tuple[Ref, Ref] | None:
    """Return the root of an existing record's thread and the post that it answers, if that is ``parent``."""
    answers = _reply(found)
    return answers if answers is not None and answers[1].uri == parent else None


def opened_by(found: Any) -> Ref | None:
    """Return the root of the thread that an existing record is an answer in; None where it answers nothing."""
    answers = _reply(found)
    return answers[0] if answers is not None else None


def _reply(found: Any) -> tuple[Ref, Ref] | None:
    try:
        root, parent = (found["reply"][name] for name in ("root", "parent"))
        return Ref(str(root["uri"]), str(root["cid"])), Ref(str(parent["uri"]), str(parent["cid"]))
    except (KeyError, TypeError):
        return None


def _image(image: Image) -> dict[str, Any]:
    blob = {
        "$type": "blob",
        "ref": {"$link": blob_cid(image.picture.sha256)},
        "mimeType": image.picture.media_type,
        "size": image.size,
    }
    ratio = {"width": image.width, "height": image.height}
    return {"alt": image.picture.alt, "image": blob, "aspectRatio": ratio}


def _images(embed: Any, pictures: Sequence[Picture]) -> list[Image]:
    """Read the pictures that stand, in the order of the approved ones; what is none of them is left out."""
    shown = embed.get("images") if isinstance(embed, dict) else None
    left = list(pictures)
    images = []
    for one in shown if isinstance(shown, list) else []:
        try:
            known = next(
                picture
                for picture in left
                if one["image"]["ref"]["$link"] == blob_cid(picture.sha256) and one["alt"] == picture.alt
            )
            ratio = one["aspectRatio"]
            images.append(Image(known, one["image"]["size"], ratio["width"], ratio["height"]))
        except (StopIteration, KeyError, TypeError):
            continue
        left = left[left.index(known) + 1 :]
    return images


def _ipld(value: Any) -> Any:
    """Return a JSON form as the data model has it: a link is the bytes of its CID."""
    if isinstance(value, Mapping):
        if set(value) == {"$link"}:
            said = libipld.decode_cid(value["$link"])
            return bytes([said["version"], said["codec"]]) + _SHA256 + said["hash"]["digest"]
        return {key: _ipld(one) for key, one in value.items()}
    return [_ipld(one) for one in value] if isinstance(value, list) else value


def _tid(micros: int, clock: int) -> str:
    number = micros << 10 | clock
    return "".join(_SORTABLE[number >> shift & 31] for shift in range(60, -1, -5))


def time_of(key: str) -> datetime | None:
    """Return when a record was written, by its key where that is a TID; None where it is none.

    What a record says of its own age its author chose freely; the key is made by the client, at the time, as a rule.
    """
    if re.fullmatch(rf"[2-7a-j][{_SORTABLE}]{{12}}", key) is None:
        return None
    number = 0
    for letter in key:
        number = number << 5 | _SORTABLE.index(letter)
    try:
        return datetime.fromtimestamp((number >> 10) / 1_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
