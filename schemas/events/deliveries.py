"""Deliveries, attempts and receipts: one message on its way to one profile."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from schemas.events.base import Contract, Id, Sha256, Utc


class DeliveryEvent(Contract):
    """``ledger.delivery.<profile>.<request_id>``: queued by fanout for a cleared verdict. Belongs to it."""

    type: Literal["delivery"] = "delivery"
    at: Utc
    request_id: Id
    revision: int
    profile: Id
    platform: Id
    verdict_seq: int
    control_seq: int
    rendering_sha256: Sha256
    expires_at: Utc


class Attempt(Contract):
    """``ledger.attempt.<profile>.<request_id>``: written before the platform is called, fenced on control.

    ``number`` counts the attempts of this request on this profile from 1. ``idempotency_key`` is the same for
    all attempts of a revision on a profile. ``rule`` 2: it counts only if it is effective where it is in the
    ledger (services.kernel.fold.effective); absent: written before version 0.3, it counts as it is.
    """

    type: Literal["attempt"] = "attempt"
    at: Utc
    request_id: Id
    revision: int
    profile: Id
    platform: Id
    number: int
    worker: str
    verdict_seq: int
    control_seq: int
    digest: Sha256
    rendering_sha256: Sha256
    idempotency_key: str
    rule: Literal[2] | None = None


class ReceiptOutcome(StrEnum):
    """How it ended.

    ``withheld``: surely not posted, and it may be tried again unless ``final``. ``lapsed``: its lease is over and
    nobody knows yet; the profile is free for other requests, never for the same one. ``recalled``: what a recall takes
    back does not stand there any more.
    """

    DELIVERED = "delivered"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    WITHHELD = "withheld"
    EXPIRED = "expired"
    RECALLED = "recalled"
    LAPSED = "lapsed"


class Receipt(Contract):
    """``ledger.receipt.<profile>.<request_id>``: how an attempt ended, or why there was none.

    ``attempt_seq`` is the ledger sequence of the attempt that it settles, 0 where nothing was attempted.
    A ``final`` receipt ends the delivery of this revision to this profile. ``resolution_seq`` names the resolution
    that it carries out, absent where no person decided. ``worker`` is the instance of fanout that wrote it.
    """

    type: Literal["receipt"] = "receipt"
    at: Utc
    request_id: Id
    revision: int
    profile: Id
    platform: Id
    attempt_seq: int
    outcome: ReceiptOutcome
    final: bool
    url: str | None = None
    remote_id: str | None = None
    reason: str = ""
    retry_at: Utc | None = None
    resolution_seq: int | None = None
    worker: str | None = None


class PostedView(Contract):
    """A post of ours on a profile: of which request, and the platform's ids and address of it."""

    request_id: Id
    remote_ids: tuple[str, ...]
    url: str | None = None
