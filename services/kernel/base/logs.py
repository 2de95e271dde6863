"""Structured logs (structlog): lines for people, JSON for machines, the request's id on each.

Values under names that may hold a secret are masked; seeds and bearer tokens are masked wherever they stand.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, tzinfo
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from services.kernel.base.clock import SystemClock
from services.kernel.base.hints import in_realm

_SECRET_NAMES = re.compile(r"seed|token|secret|password|authorization|private", re.IGNORECASE)
_SECRET_VALUES = re.compile(r"\bS[UAON][A-Z2-7]{56}\b|(?i:bearer)\s+\S+")
MASK = "[masked]"


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask what may not stand in a log (a structlog processor)."""
    for name, value in event.items():
        event[name] = _masked(name, value)
    return event


def name_realm_in_hint(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Have a hint's commands name the realm of the line that it stands on (a structlog processor)."""
    if event.get("realm") == "exercise" and isinstance(event.get("hint"), str):
        event["hint"] = in_realm(event["hint"], "exercise")
    return event


def _masked(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name):
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {key: _masked(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(name, inner) for inner in value]
    return without_secrets(value if isinstance(value, str) else str(value))


def without_secrets(text: str) -> str:
    """Return a text with seeds and bearer tokens masked."""
    return _SECRET_VALUES.sub(MASK, text)


def configure(form: str, level: str, stream: TextIO | None = None, zone: tzinfo | None = None) -> None:
    """Set up logging for this process: ``form`` is lines or json; everything goes to stderr by default.

    ``zone`` is the city's, for the times on lines; without it, and for machines, they are in UTC.
    """
    target = stream or sys.stderr
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True) if form == "json" else _stamper(zone or UTC),
        structlog.processors.format_exc_info,
        mask_secrets,
        name_realm_in_hint,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=target.isatty(), pad_event_to=34)
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=target, format="%(levelname)s %(name)s %(message)s")


def _stamper(zone: tzinfo) -> Any:
    """Return a structlog processor that notes the time in a zone, with the zone's name."""

    def stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["timestamp"] = f"{SystemClock().now().astimezone(zone):%Y-%m-%d %H:%M:%S.%f %Z}"
        return event

    return stamp


def logger(**bound: Any) -> FilteringBoundLogger:
    """Return a logger with bound values."""
    bound_logger: FilteringBoundLogger = structlog.get_logger(**bound)
    return bound_logger
