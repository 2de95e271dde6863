"""What answers somebody's post goes to the one profile that answers it, and only where the platform lets it. Pure.

Source: HUM.11(A) section 2(iv): during a crisis the PIO answers what people ask in public.
"""

from __future__ import annotations

from schemas.events.requests import Submission
from schemas.platforms import LIMITS
from services.kernel.base.errors import BadInput
from services.kernel.control.control_state import ControlState


def check_answer(data: Submission, scope: str, targets: tuple[str, ...], state: ControlState) -> None:
    """Check where a message goes that answers a post; ``targets`` are official and on platforms that are known.

    Raises:
        BadInput: ``answers.act``, ``answers.targets``, ``answers.platform``.
    """
    if data.answers is None:
        return
    if data.act is not None:
        raise BadInput(
            "answers.act",
            f"it answers a post, and is about the message {data.about} too",
            "send two messages: onevoice reply, and the other",
        )
    if scope != "profiles" or len(targets) != 1:
        raise BadInput(
            "answers.targets",
            f"it answers one post, and goes to {len(targets)} profiles",
            "name the one profile that answers: --to PROFILE",
        )
    platform = state.profiles[targets[0]].platform
    if not LIMITS[platform].answers:
        able = ", ".join(sorted(name for name, limits in LIMITS.items() if limits.answers))
        raise BadInput(
            "answers.platform",
            f"{targets[0]} is on {platform}, where OneVoice cannot answer somebody else's post",
            f"it can on {able}; elsewhere publish the answer as a message of its own: onevoice publish",
        )
