"""What a correction, update, recall, all-clear or repost is about, and where it goes: to whoever got that. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import REPLACING, Act, Request, Submission
from schemas.languages import base
from services.kernel.base.errors import BadInput
from services.kernel.control.control_state import ControlState
from services.kernel.fold.state import RequestState, TargetState

LABELS: dict[str, dict[Act, str]] = {
    "en": {"correct": "Correction", "update": "Update", "recall": "Withdrawn", "all_clear": "All clear"},
    "fr": {"correct": "Correction", "update": "Mise à jour", "recall": "Retiré", "all_clear": "Fin de l’alerte"},
    "es": {"correct": "Corrección", "update": "Actualización", "recall": "Retirado", "all_clear": "Fin de la alerta"},
    "pa": {"correct": "ਸੋਧ", "update": "ਅੱਪਡੇਟ", "recall": "ਵਾਪਸ ਲਿਆ ਗਿਆ", "all_clear": "ਖ਼ਤਰਾ ਟਲ ਗਿਆ"},
    "hi": {"correct": "सुधार", "update": "अपडेट", "recall": "वापस लिया गया", "all_clear": "खतरा टल गया"},
    "zh": {"correct": "更正", "update": "更新", "recall": "撤回", "all_clear": "解除"},
    "ar": {"correct": "تصحيح", "update": "تحديث", "recall": "تم السحب", "all_clear": "انتهى الخطر"},
}
"""The word that the text begins with, by its language, so that nobody takes it for the first message."""

_NOT_THERE = frozenset(
    {ReceiptOutcome.FAILED, ReceiptOutcome.WITHHELD, ReceiptOutcome.EXPIRED, ReceiptOutcome.RECALLED}
)


@dataclass(frozen=True)
class Earlier:
    """The request that a submission is about.

    ``carried_by``: the profiles on which it is, may be, or is still to be posted, and where what it was to replace
    stands, since it has failed there. ``is_decided``: it was cleared
    once. ``replaced_by`` is its cleared correction or recall, the empty text where there is none. ``shown_again``: the
    reposts of it that hold, each with its profiles; ``updated_by``: so its updates, where it is to be recalled.
    """

    request: Request
    carried_by: tuple[str, ...]
    is_decided: bool
    replaced_by: str = ""
    shown_again: tuple[tuple[str, tuple[str, ...]], ...] = ()
    updated_by: tuple[tuple[str, tuple[str, ...]], ...] = ()


def earlier_of(
    state: RequestState,
    replaced_by: str,
    reposts: tuple[RequestState, ...] = (),
    before: tuple[RequestState, ...] = (),
) -> Earlier:
    """Return what the fold holds of a request.

    Args:
        state: the request.
        replaced_by: its cleared correction or recall; empty: none.
        reposts: of it, that nothing replaced.
        before: what it replaces, and what that replaces in its turn.
    """
    again = ((one.request_id, carried_on(one)) for one in reposts)
    held = tuple((name, profiles) for name, profiles in again if profiles)
    left = [name for one in before for name in one.request.targets if _stands(one, name)] if state.wanted else []
    carried = tuple(dict.fromkeys((*carried_on(state), *left)))
    return Earlier(state.request, carried, bool(state.wanted), replaced_by, held)


def carried_on(state: RequestState) -> tuple[str, ...]:
    """Return the profiles on which a request is, may be, or is still to be posted."""
    return tuple(name for name in state.request.targets if _is_carried(state, name))


def _is_carried(state: RequestState, profile: str) -> bool:
    target = state.target(profile)
    return _may_stand(target) if target.is_final else profile in state.wanted


def _stands(state: RequestState, profile: str) -> bool:
    """Say whether a post of what is replaced is there, or may be."""
    target = state.target(profile)
    return target.is_open or _may_stand(target)


def _may_stand(target: TargetState) -> bool:
    """Say whether a post that was attempted is there, or may be.

    What a receipt named once may stand, whatever was said later: the beginning of a thread that failed, what had
    changed on its platform and was given up.
    """
    if target.receipt is None or target.receipt.outcome is ReceiptOutcome.RECALLED:
        return False
    named = target.receipt.remote_id is not None or any(one.remote_id is not None for _, one in target.receipts)
    return named or target.is_left_unknown or target.receipt.outcome not in _NOT_THERE


def carriers(data: Submission, earlier: Earlier, state: ControlState) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the official profiles that a submission about this request goes to, and those that carry it besides.

    Raises:
        BadInput: ``about.not_cleared``, ``about.replaced``, ``about.recall``, ``about.nowhere``, ``about.targets``.
    """
    _check(data, earlier)
    if data.act == "repost":
        return (), ()
    official = tuple(name for name in earlier.carried_by if name in state.profiles and state.profiles[name].official)
    if not official and not data.targets:
        raise BadInput(
            "about.nowhere",
            f"no profile that carries {earlier.request.request_id} is official any more",
            "the office sanctions profiles; --to names others",
        )
    return official, tuple(name for name in earlier.carried_by if name not in official)


def _check(data: Submission, earlier: Earlier) -> None:
    name = earlier.request.request_id
    if earlier.replaced_by:
        raise BadInput(
            "about.replaced",
            f"{name} was corrected or recalled by {earlier.replaced_by}",
            f"name that one instead: onevoice show {earlier.replaced_by}",
        )
    if data.act == "repost":
        if not data.targets or isinstance(data.targets, str):
            raise BadInput(
                "about.targets", "a repost goes to the profiles that you name", "--to PROFILE, once for each"
            )
        return
    if not earlier.is_decided:
        raise BadInput(
            "about.not_cleared",
            f"{name} was never cleared, so there is nothing out to follow",
            f"onevoice withdraw {name}, and submit it as it should be",
        )
    if data.act in REPLACING and earlier.request.act == "recall":
        raise BadInput("about.recall", f"{name} is a recall itself", "publish the message again")
    if not earlier.carried_by:
        raise BadInput("about.nowhere", f"{name} is on no profile", f"onevoice status {name} says what became of it")


def labelled(act: Act | None, text: str, language: str = "en") -> str:
    """Return a text that says in its first word what it is; one that says so already stays as it is.

    In the word of its own language, in English where there is none here.
    """
    labels = LABELS.get(base(language), LABELS["en"])
    label = labels.get(act, "") if act is not None else ""
    if not label or text.casefold().startswith(label.casefold()):
        return text
    return f"{label}: {text}"
