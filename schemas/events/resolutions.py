"""Resolutions: an officer's signed word on a post whose outcome no service could find out."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schemas.events.authority import Realm
from schemas.events.base import Contract, Id, Utc
from schemas.events.envelope import Envelope

MAX_URL = 2_000

DecisionName = Literal["posted", "post_again", "give_up"]


def post_url(text: str) -> str:
    """Return the address of a public post if it may be one.

    Raises:
        ValueError: it is too long, has white space or invisible characters, is not http or https with a host, or
            has a user name before its host. The message says which, in plain words.
    """
    if len(text) > MAX_URL:
        raise ValueError(f"the address has {len(text)} characters; at most {MAX_URL} are taken")
    if not text.isprintable() or any(letter.isspace() for letter in text):
        raise ValueError("the address has white space or invisible characters in it")
    parts = urlsplit(text)
    host, _port = parts.hostname, parts.port  # a port that cannot be raises ValueError by itself
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("the address is not http or https with a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the address has a user name before its host, so it leads elsewhere than it seems to")
    return text


class ResolutionStatement(Contract):
    """The payload that is signed. It answers one unconfirmed receipt, by its ledger sequence, and no other.

    ``decision``: ``posted`` (it is there, at ``url``), ``post_again`` (it does not stand, or may stand twice), or
    ``give_up`` (it is not posted any more, whether it is there or not).
    """

    realm: Realm
    request_id: Id
    revision: int
    profile: Id
    receipt_seq: Annotated[int, Field(ge=1)]
    decision: DecisionName
    url: Annotated[str, AfterValidator(post_url)] | None = None
    officer: Id
    issued_at: Utc
    expires_at: Utc
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]

    @model_validator(mode="after")
    def _an_address_only_where_it_stands(self) -> Self:
        if (self.decision == "posted") != (self.url is not None):
            raise ValueError("posted needs the post's address, and no other decision has one")
        return self


class Resolution(Contract):
    """``ledger.resolution.<profile>.<request_id>``: how a person resolved an unconfirmed post.

    Appended by fanout, fenced on the receipt that it answers; ``envelope`` is DSSE over ``ResolutionStatement``.
    """

    type: Literal["resolution"] = "resolution"
    at: Utc
    request_id: Id
    revision: int
    profile: Id
    officer: Id
    envelope: Envelope
