"""Whether a message can get to where it is to go: platforms, accounts, and the post that it answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from schemas.places import account_fault, is_post
from schemas.platforms import LIMITS
from services.kernel.base.errors import BadInput
from services.kernel.control.control_state import ControlState


def check_platforms(targets: Sequence[str], state: ControlState, named: Collection[str]) -> tuple[str, ...]:
    """Check the platforms and accounts of profiles, before anybody signs.

    The registry refuses such a profile; a manifest, or an older record, may name one all the same.

    Args:
        targets: where the message goes.
        state: the control state, which knows the profiles.
        named: those that the sender chose. The others come with all departments, or carry what it is about: one that
            is wrong must not keep it from the rest.

    Returns:
        The profiles that it cannot be posted to, as their account is none, and that nobody named.

    Raises:
        BadInput: ``platform.unknown``, ``profile.account``.
    """
    unreachable = []
    for target in targets:
        profile = state.profiles[target]
        if profile.platform not in LIMITS:
            said = f"{target} is on {profile.platform}, which OneVoice cannot post to"
            raise BadInput("platform.unknown", said, f"onevoice profiles remove {target} --as mcpe")
        wanted = account_fault(profile.platform, profile.account)
        if wanted and target not in named:
            unreachable.append(target)
        elif wanted:
            raise BadInput(
                "profile.account",
                f"{target} is {profile.account!r}, and an account on {profile.platform} is {wanted}",
                f"leave it out, or put it right: onevoice profiles add {target} --account ...",
            )
    return tuple(unreachable)


def check_address(
    answers: str | None, targets: Sequence[str], state: ControlState, page_of: Callable[[str], str]
) -> None:
    """Check that a message answers what may be a post of its profile's platform.

    Args:
        answers: the address that it answers, if it answers one.
        targets: the profile that answers.
        state: the control state, which knows the profile.
        page_of: says where a platform's posts are looked at; empty where each account's server shows them.

    Raises:
        BadInput: ``answers.address``.
    """
    if answers is None:
        return
    platform = state.profiles[targets[0]].platform
    if not is_post(platform, answers, page_of(platform)):
        raise BadInput(
            "answers.address",
            f"{answers} is not the address of a post on {platform}, where {targets[0]} is",
            "copy the post's own address, or name the profile on its platform: --to PROFILE",
        )
