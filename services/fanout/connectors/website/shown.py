"""The messages of a site as its pages show them: read from the state once, and without what is not shown yet."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from schemas.events.authority import Profile
from services.fanout.connectors.website.pages import Site
from services.fanout.connectors.website.state import Broken, Message, State
from services.fanout.connectors.website.views import MessageView, view_of
from services.kernel.base import logs

_KEPT = 5_000


class Views:
    """Views of messages, made again only when the message is another; those that are ``hidden`` are not there.

    A file that cannot be read is left out and reported: the others must go out.
    """

    def __init__(
        self,
        state: State,
        site: Site,
        made: dict[tuple[str, str | None], tuple[Message, MessageView]],
        hidden: AbstractSet[str],
    ) -> None:
        self._state = state
        self._hidden = hidden
        self._site = site
        self._made = made

    def message(self, request_id: str) -> Message | None:
        """Return a message as it is shown, None where none is."""
        message = self.kept(request_id) if request_id not in self._hidden else None
        if message is None or not any(one.request_id in self._hidden for one in message.followed):
            return message
        shown = tuple(one for one in message.followed if one.request_id not in self._hidden)
        return message.model_copy(update={"followed": shown})

    def kept(self, request_id: str) -> Message | None:
        """Return a message, None where there is none that can be read."""
        try:
            return self._state.message(request_id)
        except Broken as error:
            logs.logger().error("a message of the website cannot be read", request_id=request_id, error=str(error))
            return None

    def one(self, message: Message, profile: str | None = None) -> MessageView:
        """Return the view of a message: the same everywhere but on a profile that took it back."""
        place = message.places.get(profile) if profile is not None else None
        whose = profile if place is not None and place.taken_back_at is not None else None
        key = (message.request_id, whose)
        known = self._made.get(key)
        if known is not None and known[0] is message:
            return known[1]
        if len(self._made) >= _KEPT:
            self._made.clear()
        site = self._site
        self._made[key] = (message, view_of(message, site.city, site.zone, whose, language=site.language))
        return self._made[key][1]

    def shows_what_holds(self, request_id: str) -> bool:
        """Say whether nothing ended what a repost shows; other messages show what is theirs."""
        seen = {request_id}
        message = self.message(request_id)
        while message is not None and message.content.act == "repost" and message.content.about not in seen:
            message = self.message(message.content.about or "")
            if message is not None and message.ended_by_another:
                return False
            seen.add(message.request_id if message is not None else "")
        return True

    def of(self, request_ids: Iterable[str], owner: Profile | None) -> list[MessageView]:
        """Return the views of messages on the pages of a profile or (None) of the city, in order."""
        found = (self.message(request_id) for request_id in request_ids)
        return [self.one(message, owner.id if owner else None) for message in found if message is not None]
