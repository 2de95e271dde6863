"""Whether an officer's word on an unconfirmed post goes on record, and what it does to the receipt. Pure.

A platform that cannot tell how an attempt ended leaves a final ``unconfirmed`` receipt, and a person decides. Source:
docs/adr/0011-people-resolve-what-is-unconfirmed.md; HUM.11(A) 2(iii) for who may have it posted again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas.events.control import Posture
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.resolutions import Resolution, ResolutionStatement
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import MANUAL, MIRROR
from schemas.roles import EOC_APPROVERS, OFFICE_OR_APPROVER
from services.kernel.authority.statements import (
    ORDER_LIFETIME,
    Denied,
    check_signed,
    faults_of,
    read_sent,
    statement_on_record,
)
from services.kernel.base.errors import BadInput, Refused
from services.kernel.base.zones import utc_text
from services.kernel.control.control_state import ControlState

_SIGN_AGAIN = "give the command again: onevoice resolve signs it again"


@dataclass(frozen=True)
class Situation:
    """What the ledger says of one request on one profile. Sequences are 0 where there is nothing.

    ``decided`` holds the resolutions on it so far, each with its sequence. ``receipt_last`` is the last sequence on the
    receipt's subject, whatever is there.
    """

    request: Request | None
    verdict: Verdict | None
    verdict_seq: int
    receipt: Receipt | None
    receipt_seq: int
    decided: tuple[tuple[int, Resolution], ...] = ()
    receipt_last: int = 0

    def repeated(self, statement: ResolutionStatement) -> int:
        """Return where the same decision by the same officer is there already, 0 where it is not."""
        for seq, known in self.decided:
            said = statement_on_record(known.envelope, ResolutionStatement)
            if said is not None and _gist(said) == _gist(statement):
                return seq
        return 0

    def taken(self, receipt_seq: int) -> ResolutionStatement | None:
        """Return the decision on this receipt that is there already, by whomever."""
        said = (statement_on_record(known.envelope, ResolutionStatement) for _, known in self.decided)
        return next((one for one in said if one is not None and one.receipt_seq == receipt_seq), None)


def read_statement(resolution: Resolution, sender: str) -> ResolutionStatement:
    """Read what was signed, and see that it is what the wrapper says and that its officer sent it.

    Raises:
        BadInput: ``resolution.malformed``.
        Refused: ``resolution.signature``, ``resolution.sender``, ``resolution.other``.
    """
    statement = read_sent("resolution", resolution.officer, resolution.envelope, ResolutionStatement, sender)
    if _wrapper(resolution) != _wrapper(statement):
        raise Refused(
            "resolution.other",
            f"it is signed for {statement.request_id} on {statement.profile}, and sent for "
            f"{resolution.request_id} on {resolution.profile}",
            _SIGN_AGAIN,
        )
    return statement


def check(
    resolution: Resolution,
    statement: ResolutionStatement,
    situation: Situation,
    control: ControlState,
    now: datetime,
) -> None:
    """Say why a decision does not go on record; return when it does.

    Args:
        resolution: as it came in.
        statement: its payload, as ``read_statement`` returned it.
        situation: what the ledger holds on the request and the profile.
        control: the state of control now.
        now: the time in UTC.

    Raises:
        BadInput: ``request.unknown``, ``profile.not_a_target``.
        Refused: ``resolution.officer_unknown``, ``.revoked``, ``.signature``, ``.realm``, ``.future``, ``.expired``,
            ``.too_long``, ``.no_authority``, ``.decided``, ``.nothing_unconfirmed``, ``.receipt``, ``.revision``;
            for ``post_again`` also ``request.newer_revision``, ``.withdrawn``, ``.expired``, ``.refused``.
    """
    with faults_of("resolution"):
        check_signed(
            resolution.envelope,
            statement,
            control,
            now,
            lifetime=ORDER_LIFETIME,
            denied=_denied(statement, situation.request, control, now),
        )
    request = _check_place(statement, situation)
    _check_receipt(statement, situation)
    if statement.decision == "post_again":
        _check_still_wanted(statement, request, situation, control, now)


def outcome_of(statement: ResolutionStatement, answered: Receipt, seq: int, now: datetime) -> Receipt:
    """Return the receipt that carries a decision out.

    Args:
        statement: the decision.
        answered: the unconfirmed receipt that it answers.
        seq: the resolution's ledger sequence.
        now: the present time.
    """
    officer = statement.officer
    done, left = f"confirmed by {officer}", f"given up by {officer}: whether it is public was never found out"
    if answered.platform == MANUAL:
        done, left = f"done by hand, confirmed by {officer}", f"not done by hand, says {officer}"
    outcome, final, reason = {
        "posted": (ReceiptOutcome.DELIVERED, True, done),
        "give_up": (ReceiptOutcome.FAILED, True, left),
        "post_again": (ReceiptOutcome.WITHHELD, False, f"to be posted again, decided by {officer}"),
    }[statement.decision]
    return Receipt(
        at=now,
        request_id=answered.request_id,
        revision=answered.revision,
        profile=answered.profile,
        platform=answered.platform,
        attempt_seq=answered.attempt_seq,
        outcome=outcome,
        final=final,
        url=statement.url,
        reason=reason,
        resolution_seq=seq,
    )


def key_of_call(key: str, revision: int, receipts: Iterable[Receipt]) -> str:
    """Return the key that a platform is called with: another one behind the word to post again what stood and is gone.

    Who keeps a key would answer with the post that is gone: Mastodon for an hour, Meta for a day. The beginning of a
    thread stood, too. Where nobody ever knew how it ended the key stays: it guards the repeat.

    Args:
        key: of this revision on this profile, as its attempts have it.
        revision: the request's.
        receipts: all that count on the place, in the ledger's order.
    """
    stood, again = False, 0
    for receipt in receipts:
        if receipt.revision != revision:
            continue
        if receipt.outcome is ReceiptOutcome.DELIVERED or receipt.remote_id:
            stood = True
        elif stood and receipt.resolution_seq is not None and not receipt.final:
            stood, again = False, receipt.resolution_seq
    return hashlib.sha256(f"{key}\n{again}".encode()).hexdigest() if again else key


def _gist(statement: ResolutionStatement) -> tuple[object, ...]:
    return (statement.receipt_seq, statement.officer, statement.decision, statement.url, statement.realm)


def _wrapper(one: Resolution | ResolutionStatement) -> tuple[str, int, str, str]:
    return (one.request_id, one.revision, one.profile, one.officer)


def _check_place(statement: ResolutionStatement, situation: Situation) -> Request:
    request = situation.request
    if request is None:
        raise BadInput(
            "request.unknown", f"there is no request {statement.request_id}", "onevoice pending lists the open ones"
        )
    if statement.profile not in (*request.targets, MIRROR):
        raise BadInput(
            "profile.not_a_target",
            f"{statement.profile} is not a target of {request.request_id}",
            f"its profiles are shown by: onevoice status {request.request_id}",
        )
    return request


def _denied(
    statement: ResolutionStatement, request: Request | None, control: ControlState, now: datetime
) -> Denied | None:
    eoc = (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE)
    submitted_under_eoc = request is not None and request.submitted_posture in eoc
    strict = statement.decision == "post_again" and (control.under_eoc or submitted_under_eoc)
    counting = EOC_APPROVERS if strict else OFFICE_OR_APPROVER
    if control.roles_of(statement.officer, now) & counting:
        return None
    clause = "2(iii) asks" if strict else "deciding on an unconfirmed post asks"
    able = [name for name in sorted(control.officers) if control.roles_of(name, now) & counting]
    asked = f"{clause} for one of {', '.join(sorted(counting))}"
    return Denied.lacking(statement.officer, asked, able, control, now)


def _check_receipt(statement: ResolutionStatement, situation: Situation) -> None:
    """The named receipt must be the current one, unconfirmed and final, and nobody may have answered it yet."""
    look = f"onevoice status {statement.request_id}"
    before = situation.taken(statement.receipt_seq)
    if before is not None:
        raise Refused(
            "resolution.decided",
            f"{before.officer} decided it already: {_in_words(before)}",
            f"what came of it: {look}",
        )
    receipt, place = situation.receipt, f"{statement.request_id} on {statement.profile}"
    if receipt is None or receipt.outcome is not ReceiptOutcome.UNCONFIRMED or not receipt.final:
        raise Refused(
            "resolution.nothing_unconfirmed", f"nothing of {place} is unconfirmed: {standing_words(receipt)}", look
        )
    if statement.receipt_seq != situation.receipt_seq:
        raise Refused(
            "resolution.receipt",
            f"the decision answers the receipt {statement.receipt_seq} of {place}, and {situation.receipt_seq} stands "
            "now: it was posted again since, and is unconfirmed again",
            f"look at the profile once more, then decide: {look}",
        )
    if statement.revision != receipt.revision:
        raise Refused(
            "resolution.revision",
            f"the decision is on revision {statement.revision}; unconfirmed is revision {receipt.revision}",
            _SIGN_AGAIN,
        )


def _check_still_wanted(
    statement: ResolutionStatement, request: Request, situation: Situation, control: ControlState, now: datetime
) -> None:
    """What may not go out any more is not put back into the queue: the officer would wait for nothing."""
    name = request.request_id
    instead = "say what you found on the profile: --posted URL, or --give-up"
    if request.revision != statement.revision:
        raise Refused("request.newer_revision", f"revision {request.revision} of {name} stands", instead)
    if name in control.withdrawn:
        raise Refused("request.withdrawn", f"{name} was withdrawn: {control.withdrawn[name]}", instead)
    if request.expires_at <= now:
        when = utc_text(request.expires_at)
        raise Refused("request.expired", f"{name} expired at {when}: missed, not late", instead)
    if situation.verdict is not None and situation.verdict.outcome is Outcome.REFUSED:
        raise Refused("request.refused", f"{name} is refused, and that is final", instead)


def standing_words(receipt: Receipt | None) -> str:
    """Say what a receipt says, for a person who expected another one."""
    if receipt is None:
        return "there is no receipt yet"
    more = receipt.url or receipt.reason
    what = "is still being looked for" if receipt.outcome is ReceiptOutcome.UNCONFIRMED else f"is {receipt.outcome}"
    return f"it {what}{f' ({more})' if more else ''}"


def _in_words(statement: ResolutionStatement) -> str:
    words = {"posted": f"it is at {statement.url}", "post_again": "post it again", "give_up": "give it up"}
    return words[statement.decision]
