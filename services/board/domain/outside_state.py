"""Which posts did not come through the gate, and which of them an officer has seen. Pure.

What is acknowledged leaves memory but for its id; the ledger keeps it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from schemas.events.outside import Acknowledgement, OutsidePost, OutsideView
from services.board.domain.notices import FOR_EVER, Waiting
from services.kernel.control.control_state import ControlState
from services.kernel.fold.genuine import genuine_acknowledgement
from services.kernel.fold.reading import parse
from services.kernel.ledger.entry import Entry

_WORDS = 280


@dataclass
class OutsideState:
    """The outside posts by their id, in the ledger's order: those that are open, with ``whole`` all of them.

    The first entry of an id is the post, and the first genuine acknowledgement of it counts. What is not readable,
    genuine or in its place is let be: whoever holds a service's key can write it.
    """

    posts: dict[str, OutsideView] = field(default_factory=dict)
    whole: bool = False
    _seen: set[str] = field(default_factory=set)

    def take(self, entry: Entry, control: ControlState) -> None:
        """Take in an outside post or an acknowledgement."""
        _, kind, profile, name = entry.subject.split(".")
        if name in self._seen:
            return
        try:
            if kind == "outside":
                post = parse(OutsidePost, entry.data)
                if (post.profile, post.outside) == (profile, name):
                    self.posts.setdefault(name, OutsideView(seq=entry.seq, post=post))
                return
            event = parse(Acknowledgement, entry.data)
        except ValueError:
            return
        known = self.posts.get(name)
        now = answered(known, event, entry, control) if known is not None else None
        if now is None:
            return
        self._seen.add(name)
        if self.whole:
            self.posts[name] = now
        else:
            del self.posts[name]

    def take_all(self, entries: Iterable[Entry], control: ControlState) -> None:
        """Take in entries of any order, as the ledger has them."""
        for entry in sorted(entries, key=lambda entry: entry.seq):
            self.take(entry, control)

    def waiting(self) -> Iterator[Waiting]:
        """Yield what waits for an officer, as a notice tells it."""
        for name, view in self.posts.items():
            text = " ".join(view.post.text.split())
            yield Waiting(
                name,
                view.post.at,
                view.post.profile,
                text if len(text) <= _WORDS else text[: _WORDS - 1] + "…",
                False,
                f"it was published on {view.post.profile}: {view.post.url or view.post.account}",
                f"onevoice outside show {name}; onevoice outside ack {name} --as YOU --reason TEXT",
                view.post.at + FOR_EVER,
                about="a post that did not come through the gate",
            )

    def by_profile(self) -> Counter[str]:
        """Return how many are open on each profile."""
        return Counter(view.post.profile for view in self.posts.values())


def answered(view: OutsideView, event: Acknowledgement, entry: Entry, control: ControlState) -> OutsideView | None:
    """Return an outside post with who has acknowledged it; None where that word is not genuine, or not about it."""
    post = view.post
    said = genuine_acknowledgement(event, post.profile, post.outside, entry.seq, control=control, realm=control.realm)
    if said is None or said.seq != view.seq:
        return None
    changed = {"acknowledged_by": said.officer, "acknowledged_at": entry.at, "reason": said.reason}
    return view.model_copy(update=changed)
