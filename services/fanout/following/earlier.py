"""Finds the posts that a correction, update, recall or all-clear is about, and how its platform lets it follow them.

What is done, and to which message, is in the bytes that were signed. Which posts those are, the receipts say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial

from schemas.events.authority import Profile
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import Request
from services.fanout.connectors.contract import Connector, Correction, WhenUnknown
from services.fanout.delivery.caller import intent_of
from services.fanout.delivery.on_record import BEFORE, ours_on
from services.fanout.delivery.records import key_of
from services.fanout.domain.delivery_state import id_to_answer
from services.fanout.domain.resolution import key_of_call
from services.fanout.following.answering import AnswersEarlier
from services.fanout.following.taking_back import TakesBack, ToDelete
from services.kernel.authority.post_authorization import content_of, rendering_for
from services.kernel.fold.state import TargetState
from services.kernel.runtime.service import Runtime

MAY_STAND = frozenset({ReceiptOutcome.DELIVERED, ReceiptOutcome.UNCONFIRMED})


@dataclass(frozen=True)
class Follow:
    """How a message goes to a profile: by which connector, and ``follows`` (as ``Intent`` has it)."""

    connector: Connector
    follows: str = ""


def cannot_answer(request: Request, profile: Profile, connector: Connector) -> bool:
    """Say whether a request answers somebody's post where that cannot be done: it would stand there for itself."""
    rendering = rendering_for(request, profile.platform)
    able = connector.declaration.answers or connector.declaration.marks
    return not able and rendering is not None and content_of(rendering).answers is not None


def deletes(request: Request, connector: Connector) -> bool:
    """Say whether a request is a recall that deletes, and posts nothing."""
    able = connector.declaration
    return request.act == "recall" and able.delete and not able.marks


@dataclass(frozen=True)
class _Earlier:
    """A post that may stand: how it is deleted, and ``answered``: by which id it is answered, if it is."""

    post: ToDelete
    answered: str = ""


class EarlierPosts:
    """Finds what is on a profile of the request that another one is about."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def of(self, request: Request, profile: Profile, connector: Connector) -> Follow | None:
        """Return how a request goes to a profile; None where it takes back what does not stand there.

        Raises:
            Unreachable: the ledger cannot be read.
        """
        rendering = rendering_for(request, profile.platform)
        content = content_of(rendering) if rendering is not None else None
        if content is None or content.about is None or content.act == "repost" or connector.declaration.marks:
            return Follow(connector)
        able = connector.declaration
        anew = content.act == "correct" and not able.reply and able.correction is Correction.NEW_POST and able.delete
        gone = deletes(request, connector)
        looks = (gone or anew) and able.when_unknown is not WhenUnknown.PERSON
        posts = [found async for found in self._standing(content.about, profile, connector, looks=looks)]
        taken_back = tuple(one.post for one in posts)
        answered = next((one.intent.content.answers for one in taken_back if one.intent.content.answers), "") or ""
        if answered and not able.reply:  # what is about an answer goes where that is
            taken_back = tuple(replace(one, intent=replace(one.intent, follows=answered)) for one in taken_back)
        # A recall deletes where it can. All else answers the earlier post where the platform has replies; elsewhere a
        # correction takes its place, and the rest stands alone.
        if content.act == "recall" and not posts:
            return None
        if gone:
            return Follow(TakesBack(connector, taken_back, looked=await self._looked_at(request, profile)))
        if able.reply:
            earlier = next((one for one in posts if one.answered), None)
            if earlier is None:
                return Follow(connector)
            # What is about an answer to somebody never stands for itself.
            way = connector if answered else AnswersEarlier(connector, earlier.post.intent)
            return Follow(way, earlier.answered)
        if anew:
            looked = await self._looked_at(request, profile)
            return Follow(TakesBack(connector, taken_back, then_posts=True, looked=looked), answered)
        return Follow(connector, answered)

    async def follows(self, request: Request, profile: Profile, connector: Connector) -> str:
        """Return the post that a request's own post answers on a profile, the empty text where it answers none."""
        found = await self.of(request, profile, connector)
        return found.follows if found is not None else ""

    async def _standing(
        self, request_id: str | None, profile: Profile, connector: Connector, *, looks: bool
    ) -> AsyncIterator[_Earlier]:
        """Yield what may stand of a request and of what it replaced in its turn, the newest first.

        ``looks``: also what is not there by the record, and may be by now, so that it is to be looked for.
        """
        seen: set[str] = set()
        while request_id is not None and request_id not in seen:
            seen.add(request_id)
            state = await self._runtime.state_on(request_id, profile.id)
            if state is None:
                return
            request, target = state.request, state.target(profile.id)
            receipts = [one for _, one in target.receipts]
            # What a receipt says to stand may stand, whatever was said later: to delete what is gone does no harm. An
            # answer to it is refused by its platform.
            remote_id = next((one.remote_id for one in reversed(receipts) if one.remote_id), "")
            doubted = target.is_left_unknown or (bool(receipts) and receipts[-1].outcome in MAY_STAND)
            may_stand = bool(remote_id) or doubted
            may_land = not may_stand and looks and self._may_land(target)
            rendering = rendering_for(request, profile.platform)
            if rendering is not None and (may_stand or may_land):
                key = key_of_call(key_of(request, profile.id, rendering.sha256), request.revision, receipts)
                follows = partial(self.follows, request, profile, connector)
                others = partial(ours_on, self._runtime, profile, request.at - BEFORE, request_id)
                post = ToDelete(intent_of(request, profile, key, 0.0), remote_id, follows, others)
                yield _Earlier(post, id_to_answer(receipts))
            request_id = request.replaces

    def _may_land(self, target: TargetState) -> bool:
        """Return whether another than its worker said that it is not there: that one may be stopped before its call."""
        return any(seq in self._runtime.fold.taken_over for seq in target.effective)

    async def _looked_at(self, request: Request, profile: Profile) -> bool:
        """Return whether an officer has looked at a profile since a request was to take something back there."""
        state = await self._runtime.state_on(request.request_id, profile.id)
        said = state.target(profile.id).receipts if state is not None else []
        return any(one.resolution_seq is not None and one.revision == request.revision for _, one in said)
