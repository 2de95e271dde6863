"""Reads and writes the headers of NATS messages as nats-py does, at a fraction of its cost.

nats-py looks at each character of each name in each message (2.16). Names are few and come again and again: each is
looked at once here. It has no public place to say so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_SPACE = " \t\n\r\x0b\x0c"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""What a header's name may be made of (NATS ADR-4)."""

_LINE_ENDS = str.maketrans("\r\n", "  ")


class QuickHeaders:
    """For a client of nats-py: takes the place of what reads a block of headers, and of what writes one."""

    stats: dict[str, int]
    _flush_queue: Any
    _send_command: Any
    _flush_pending: Any

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        """Return the headers of a block, each on a line of its own; a line without a name that can be is left out."""
        found: dict[str, str] = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon and (known := _name(name)) is not None:
                found[known] = value.strip(_SPACE)
        return found

    async def _send_publish(
        self, subject: str, reply: str, payload: bytes, payload_size: int, headers: Mapping[str, str] | None
    ) -> None:
        """Send a message that ``publish`` has looked at; raises BadHeaderError for a name that cannot be."""
        block = _block(headers) if headers is not None else None
        if block is None or not subject:
            await super()._send_publish(subject, reply, payload, payload_size, headers)  # type: ignore[misc]
            return
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        head = f"HPUB {subject} {reply} {len(block)} {len(block) + payload_size}\r\n".encode()
        await self._send_command(b"".join((head, block, payload, b"\r\n")))
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()


def _block(headers: Mapping[str, str]) -> bytes | None:
    """Return headers as they go over the wire; None where a name or a value wants nats-py's own eye."""
    lines = ["NATS/1.0"]
    for name, value in headers.items():
        if not _is_plain(name):
            return None
        said = value.strip()
        lines.append(f"{name}: {said if said.isprintable() else said.translate(_LINE_ENDS)}")
    return "\r\n".join((*lines, "", "")).encode()


@lru_cache(maxsize=1_024)
def _is_plain(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None


@lru_cache(maxsize=1_024)
def _name(text: str) -> str | None:
    """Return a header's name; None for what is not ASCII, or has white space within."""
    name = text.strip(_SPACE)
    return name if name.isascii() and not any(character.isspace() for character in name) else None
