"""What the connectors of social networks answer alike: at the door, before a repeat, and of a thread that stopped."""

from __future__ import annotations

from services.fanout.connectors.contract import CannotTell, Cause, Permanent, Posted, Retryable, Unknown


def not_let_in(why: Retryable | Permanent) -> CannotTell:
    """Say that a look ended at the door."""
    if isinstance(why, Permanent):
        return CannotTell(why.reason)
    return CannotTell(why.reason, why.cause, why.after)


def not_seen(found: CannotTell) -> Retryable:
    """Say that nothing was sent, since what is there already cannot be seen; each later call looks first as well."""
    return Retryable(f"what stands cannot be seen: {found.reason}", found.after, cause=found.cause or Cause.HOST)


def stopped(
    result: Retryable | Permanent | Unknown, begun: Posted | None, standing: int, parts: int
) -> Retryable | Permanent | Unknown:
    """Say what it means that a part was not taken: what is before it (``standing`` of ``parts``) is named."""
    if isinstance(result, Unknown) or begun is None:
        return result
    reason = f"{standing} of {parts} parts stand: {result.reason}"
    if isinstance(result, Permanent):
        return Permanent(reason, begun=begun)
    return Retryable(reason, result.after, begun=begun, cause=result.cause)
