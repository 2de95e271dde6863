"""One piece of work on the website, under the writer's lock: what it changes, and what it shows for the first time."""

from __future__ import annotations

from datetime import datetime

from schemas.events.authority import Profile
from services.fanout.connectors.website.state import Message, State


class SiteEdit:
    """Changes are made here in memory, then written together.

    ``first``: the messages that a judged call has shown and that the site does not show yet. What a crash left there
    half shown (``State.unshown``) is no part of the site before such a call comes again: its approval may be gone.
    """

    def __init__(self, state: State, now: datetime) -> None:
        self.state = state
        self.now = now
        self.changed: set[str] = set()
        self.first: set[str] = set()
        self.files: dict[tuple[str, str], bytes] = {}
        self.taken_files: set[tuple[str, str]] = set()
        self.profiles: dict[str, Profile] = {}
        self._times: dict[str, datetime] = {}

    def put(self, message: Message) -> None:
        """Change a message."""
        self.state.put_message(message)
        self.changed.add(message.request_id)

    def begin(self, request_id: str, revision: int) -> None:
        """Note that a judged call has a message shown, before it changes it."""
        message = self.state.message(request_id)
        if message is None or message.revision < revision:
            self.first.add(request_id)
        elif request_id in self.state.unshown:
            self.first.add(request_id)
            about = message.content.about  # its page says what came after it
            self.changed |= {request_id} if about is None or self.state.message(about) is None else {request_id, about}

    def shows(self, request_id: str) -> bool:
        """Say whether the site shows a message, or will once this work is written."""
        return request_id in self.first or request_id not in self.state.unshown

    def hidden(self) -> set[str]:
        """Return the messages that the site is without when this work is written."""
        return self.state.unshown - self.first

    def time_for(self, listing: str) -> datetime:
        """Return the next time in a listing; each message has its own."""
        last = self._times.get(listing)
        time = self.state.next_time(listing, self.now)
        if last is not None and time <= last:
            time = last + datetime.resolution
        self._times[listing] = time
        return time
