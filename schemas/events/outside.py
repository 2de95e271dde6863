"""Outside posts: what is on an official profile and did not come through the gate, and who has looked at it.

Source: HUM.11(A) section 1, Oversight: the City monitors its official accounts for compliance.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.events.authority import Realm
from schemas.events.base import Contract, Id, Sha256, Utc
from schemas.events.envelope import Envelope
from schemas.events.passkeys import Base64

MAX_TEXT = 4_000
"""Characters of its text that the event holds; the kept record has all of them."""


class OutsidePost(Contract):
    """``ledger.outside.<profile>.<outside>``: a post that fanout found on a profile, and that no receipt names.

    Nobody of ours wrote it: nothing in it is trusted. ``remote_id`` is the platform's; ``record_sha256`` is the hash of
    what the platform said of it (JSON), ``card_sha256`` that of a picture of its words (JPEG), both kept in MEDIA.
    """

    type: Literal["outside"] = "outside"
    at: Utc
    outside: Id
    profile: Id
    platform: Id
    account: Annotated[str, StringConstraints(max_length=300)]
    remote_id: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    url: Annotated[str, StringConstraints(max_length=2_000)] | None = None
    published_at: Utc
    text: Annotated[str, StringConstraints(max_length=MAX_TEXT)]
    record_sha256: Sha256
    card_sha256: Sha256 | None = None
    worker: str


class AcknowledgementStatement(Contract):
    """The payload that is signed: an officer has seen the outside post at ``seq``; ``reason`` says what came of it."""

    realm: Realm
    outside: Id
    profile: Id
    seq: Annotated[int, Field(ge=1)]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    officer: Id
    issued_at: Utc
    expires_at: Utc
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Acknowledgement(Contract):
    """``ledger.acknowledgement.<profile>.<outside>``: an officer's word on an outside post; it waits no more.

    Appended by fanout, fenced on the post; ``envelope`` is DSSE over ``AcknowledgementStatement``.
    """

    type: Literal["acknowledgement"] = "acknowledgement"
    at: Utc
    outside: Id
    profile: Id
    officer: Id
    envelope: Envelope


class AcknowledgementReply(Contract):
    """The acknowledgement of an outside post is in the ledger at ``seq``; the post waits for nobody any more."""

    accepted: Literal[True] = True
    outside: Id
    profile: Id
    seq: int


class OutsideView(Contract):
    """An outside post that is at ``seq``, and who acknowledged it when, and with which words.

    Asked for by its id, it comes with what was kept: ``record`` is what the platform said (JSON), ``card`` the picture
    of its words (JPEG), both in base64.
    """

    seq: int
    post: OutsidePost
    acknowledged_by: Id | None = None
    acknowledged_at: Utc | None = None
    reason: str | None = None
    record: Base64 | None = None
    card: Base64 | None = None
