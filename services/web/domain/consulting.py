"""A consultation copy: one version of one message, to be read by whoever has the link, until it ends. Pure.

An officer's passkey signs that there may be one. The link's secret is in no file: only its hash is signed and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import StringConstraints

from schemas import canonical
from schemas.events.authority import Realm
from schemas.events.base import Contract, Id, Sha256, Utc
from schemas.events.desk import OfficerView
from schemas.events.envelope import Envelope
from schemas.roles import OFFICE_OR_APPROVER
from services.kernel.authority.officer_keys import OfficerKeys
from services.kernel.base.errors import BadInput, Refused

CONSULTATION_TYPE = "application/vnd.onevoice.consultation.v1+json"
"""Of no statement that any service takes: what is signed for a copy can be nothing else."""

LIFETIMES = {"1h": timedelta(hours=1), "4h": timedelta(hours=4), "1d": timedelta(days=1), "3d": timedelta(days=3)}
LONGEST_COPY = max(LIFETIMES.values())


class Consultation(Contract):
    """What an officer signs: whoever has the secret of this hash may read this version of this message until then."""

    realm: Realm
    officer: Id
    request_id: Id
    digest: Sha256
    token_sha256: Sha256
    issued_at: Utc
    expires_at: Utc
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class ConsultationLine(Contract):
    """A line of the pages' register: a copy that was made, or one that was ended, by whom and when."""

    at: Utc
    officer: Id
    made: Envelope | None = None
    ended: Sha256 | None = None


@dataclass(frozen=True)
class Copy:
    """A copy that was made. ``ended``: by whom and when, None while nobody has ended it."""

    statement: Consultation
    envelope: Envelope
    ended: tuple[str, datetime] | None = None

    def is_over(self, now: datetime) -> bool:
        """True when nobody can read it any more."""
        return self.ended is not None or now >= self.statement.expires_at


def copies(lines: Iterable[ConsultationLine]) -> dict[str, Copy]:
    """Return the copies of a register by the hashes of their secrets."""
    found: dict[str, Copy] = {}
    for line in lines:
        if line.made is not None:
            statement = Consultation.from_bytes(line.made.payload_bytes())
            found.setdefault(statement.token_sha256, Copy(statement, line.made))
        elif line.ended in found and found[line.ended].ended is None:
            copy = found[line.ended]
            found[line.ended] = Copy(copy.statement, copy.envelope, (line.officer, line.at))
    return found


def may_make(view: OfficerView | None) -> bool:
    """True for who may show a message to people outside: the communications office, and who approves under the EOC."""
    return view is not None and not view.revoked and any(one.role in OFFICE_OR_APPROVER for one in view.grants_now)


def refuse_unsigned(envelope: Envelope, statement: Consultation, view: OfficerView | None) -> None:
    """Let a copy pass that its officer's passkey signed, and who may make one now.

    Raises:
        Refused: ``consult.role``, ``consult.signature``.
    """
    if view is None or not may_make(view):
        raise Refused("consult.role", "only officers who approve may make a copy to read", "Ask one of them.")
    keys = OfficerKeys(None, tuple(view.officer.passkeys or ()))
    if not keys.signer_of(envelope, CONSULTATION_TYPE):
        raise Refused("consult.signature", f"the copy is not signed: {keys.fault_of(envelope, CONSULTATION_TYPE)}", "")
    if statement.expires_at - statement.issued_at > LONGEST_COPY:
        raise Refused("consult.long", "a copy can be read for three days at most", "Make another one later.")


def copy_of(
    secret: str, known: Mapping[str, Copy], realm: Realm, officers: Mapping[str, OfficerView], now: datetime
) -> Copy:
    """Return the copy that a link opens; raises BadInput ``consult.over`` for any that cannot be read, or no more."""
    found = known.get(canonical.sha256(secret.encode("utf-8", "replace")))
    if found is None or found.is_over(now) or found.statement.realm != realm:
        raise over()
    try:
        refuse_unsigned(found.envelope, found.statement, officers.get(found.statement.officer))
    except Refused as error:
        raise over() from error
    return found


def over() -> BadInput:
    """Return the error for a link that opens nothing."""
    return BadInput(
        "consult.over",
        "this link opens nothing: it has ended, or it is not complete",
        "Ask the person who sent it to you.",
    )
