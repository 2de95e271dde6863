"""Answers that are not as their platform documents them: bent in one place, as a proxy or a new version may bend them.

A bent answer is of a call that the platform has done: what was posted stands.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Bend = Callable[[web.Response], web.StreamResponse]

_GONE = object()
_VALUES: tuple[Any, ...] = (
    *(_GONE, None, True, -1, 0, 10**400, 1e308, [], {}, [None], [[]], {"": None}, [{}]),
    *("", " ", "\x00", "\ud800", "../x", "a,b", "x" * 70_000),
    *("2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "99999-01-01"),
)
"""What may stand in the place of any value; times without an offset, and at the ends of the calendar."""
_BODIES = (
    *(b"", b"null", b"[]", b"{}", b"0", b'"x"', b"true", b"\xff\xfe\x00", b"[" * 100_000, b'{"id":NaN}', b"1e999"),
    *(b"{", b"<html>", b'{"error":"\\ud800"}', b'{"id":1}' * 3),
)
_HEADERS = (
    *(("Retry-After", value) for value in ("-1", "inf", "nan", "1e400", "9" * 400, "soon", "Fri, 99 Foo 2026", "")),
    *(("Date", value) for value in ("x", "", "0001-01-01T00:00:00Z", "Fri, 31 Dec 9999 23:59:59 GMT")),
    *(("Date", f"Fri, 31 Dec 9999 23:59:59 {zone}") for zone in ("-2359", "+2359")),
    *(("Content-Type", f"application/json; charset={name}") for name in ("bogus", "utf-16", "idna", "zlib", "utf-7")),
    *(("Content-Type", value) for value in ("x", "")),
    *(("X-RateLimit-Reset", "x"), ("x-rate-limit-reset", "9" * 300), ("x-rate-limit-remaining", "-")),
    *(("x-app-usage", value) for value in ("[1]", '{"call_count":"x"}', '{"call_count":1e400}')),
    *(("X-Business-Use-Case-Usage", value) for value in ("{", '{"1":[null]}')),
    *(("x-restli-id", value) for value in ("a,b", "urn:li:share:")),
)


@dataclass
class Bends:
    """A middleware: while ``bend`` is set, the answer with that number, counted from 0 by ``begin``, is bent.

    ``answers`` are the bodies of those that were given since.
    """

    bend: tuple[int, Bend] | None = None
    answers: list[bytes] = field(default_factory=list)

    def begin(self, bend: tuple[int, Bend] | None = None) -> None:
        """Count from here."""
        self.bend, self.answers = bend, []

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Let it be answered, and bend that."""
        answer: web.StreamResponse = await handler(request)
        body = getattr(answer, "body", None)
        self.answers.append(body if isinstance(body, bytes) else b"")
        bent = self.bend is not None and self.bend[0] == len(self.answers) - 1
        return self.bend[1](answer) if bent and self.bend and isinstance(answer, web.Response) else answer


def ways_to_bend(body: bytes) -> Iterator[tuple[str, Bend]]:
    """Yield each way to bend an answer with such a body, and what it does."""
    for text in _BODIES:
        yield f"the body is {text[:20]!r}", lambda answer, text=text: _remade(answer, text)  # type: ignore[misc]
    for name, value in _HEADERS:
        what = f"{name} is {value[:40]!r}"
        yield what, lambda answer, header=(name, value): _remade(answer, header=header)  # type: ignore[misc]
    try:
        read = json.loads(body)
    except ValueError:
        return
    for path in _paths(read):
        for value in _VALUES if path else _VALUES[1:]:
            what = f"{'.'.join(map(str, path))} is {'gone' if value is _GONE else repr(value)[:40]}"
            yield what, lambda answer, path=path, value=value: _changed(answer, path, value)  # type: ignore[misc]


def _paths(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield above
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, (*above, name))
    if isinstance(value, list):
        for number, inner in enumerate(value[:2]):
            yield from _paths(inner, (*above, number))


def _changed(answer: web.Response, path: tuple[str | int, ...], value: object) -> web.Response:
    """Bend what is there; what is not there this time stays as it is."""
    assert isinstance(answer.body, bytes)
    read = [json.loads(answer.body)]
    place: Any = read
    try:
        for step in (0, *path)[:-1]:
            place = place[step]
        last = (0, *path)[-1]
        place[last]
        if value is _GONE:
            del place[last]
        else:
            place[last] = copy.deepcopy(value)
    except (KeyError, IndexError, TypeError):
        return answer
    return _remade(answer, json.dumps(read[0]).encode())


def _remade(answer: web.Response, body: bytes | None = None, header: tuple[str, str] | None = None) -> web.Response:
    """Answer the same, but for this."""
    whole = answer.body if isinstance(answer.body, bytes) else b""
    made = web.Response(body=whole if body is None else body, status=answer.status)
    made.headers.clear()
    for name, value in answer.headers.items():
        if name.lower() not in ("content-length", "transfer-encoding"):
            made.headers[name] = value
    if header is not None:
        made.headers[header[0]] = header[1]
    return made
