"""CloudEvents 1.0 as they come over NATS: structured mode (one JSON object) and binary mode (attributes in headers).

Sources: CloudEvents 1.0.2 sections 3 and 4, its JSON format (``data_base64``), its NATS protocol binding (headers
that begin with ``ce-``), RFC 2046 and RFC 6839 (media types, ``+json``). Pure: bytes and headers in, one value out.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from schemas import canonical
from schemas.canonical import StrictJsonError

KNOWN = frozenset({"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data"})
"""The attributes that a submission is read from; all others are extensions."""

MOST_EXTENSIONS = 32

_EXTENSION = re.compile(r"[a-z0-9]{1,64}")
_JSON = re.compile(r"application/(?:[a-z0-9!#$&^_.+-]+\+)?json|text/json", re.IGNORECASE)
_PREFIX = "ce-"


def structured(body: bytes, headers: Mapping[str, str] | None) -> bytes:
    """Return an event in structured form: one that came in binary mode put together, any other body as it is.

    Raises:
        StrictJsonError: binary mode, and the body is not JSON, or a header is not percent-encoded UTF-8.
    """
    lowered = {name.lower(): text for name, text in (headers or {}).items()}
    if _PREFIX + "specversion" not in lowered:
        return body
    try:
        attributes: dict[str, Any] = {
            name.removeprefix(_PREFIX): unquote(text, errors="strict")
            for name, text in lowered.items()
            if name.startswith(_PREFIX)
        }
    except UnicodeDecodeError as error:
        raise StrictJsonError("an attribute in a header is not UTF-8, percent-encoded") from error
    if "content-type" in lowered:
        attributes["datacontenttype"] = lowered["content-type"]
    return canonical.dumps({**attributes, "data": canonical.loads(_unmarked(body))})


def value_of(body: bytes) -> Any:
    """Return the JSON value of an event in structured form, with its known attributes only.

    Extension attributes (``traceparent`` and whatever else a sender adds) are checked for their shape and left out:
    they carry nothing that policy reads. What is no object is returned as it is, for the contract to refuse.

    Raises:
        StrictJsonError: the body is not JSON, ``data_base64`` is no base64 of JSON, both kinds of data are there, an
            attribute's name is none, or the data is of another media type.
    """
    value = canonical.loads(_unmarked(body))
    if not isinstance(value, dict):
        return value
    kept = {name: one for name, one in value.items() if name in KNOWN and one is not None}
    _check_extensions(value)
    if value.get("data_base64") is not None:
        if "data" in kept:
            raise StrictJsonError("data and data_base64 are both there, and only one may be")
        kept["data"] = _from_base64(value["data_base64"])
    if "datacontenttype" in kept:
        kept["datacontenttype"] = _json_type(kept["datacontenttype"])
    return kept


def _unmarked(body: bytes) -> bytes:
    """Leave out the mark of UTF-8 that some senders put first (RFC 8259, section 8.1)."""
    return body.removeprefix(codecs.BOM_UTF8)


def _check_extensions(value: dict[str, Any]) -> None:
    extensions = [name for name in value if name not in KNOWN and name != "data_base64"]
    if len(extensions) > MOST_EXTENSIONS:
        raise StrictJsonError(f"{len(extensions)} extension attributes; at most {MOST_EXTENSIONS} are taken")
    for name in extensions:
        if not _EXTENSION.fullmatch(name):
            raise StrictJsonError(f"{name[:64]!r} is no attribute's name: those are lower-case letters and digits")
        if isinstance(value[name], dict | list):
            raise StrictJsonError(f"the extension attribute {name!r} is no plain value")


def _from_base64(encoded: Any) -> Any:
    try:
        return canonical.loads(_unmarked(base64.b64decode(encoded, validate=True)))
    except (TypeError, ValueError, binascii.Error) as error:
        if isinstance(error, StrictJsonError):
            raise
        raise StrictJsonError("data_base64 is not base64") from error


def _json_type(given: Any) -> str:
    """Return ``application/json`` for each way to say it; of the parameters only another charset matters."""
    kind, _, parameters = str(given).partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if not _JSON.fullmatch(kind.strip()) or (charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii")):
        raise StrictJsonError(
            f"datacontenttype is {str(given)[:64]!r}; a submission's data is application/json in UTF-8"
        )
    return "application/json"
