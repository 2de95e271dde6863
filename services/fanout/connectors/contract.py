"""What every connector does, and nothing more: it declares what it can do, and does publish, reconcile, retract, check.

A connector translates between an Intent and one platform. It decides nothing about the policy, keeps no state
that matters, and answers with a value: an exception out of a connector is a bug and counts as Unknown.
How to be sure of an outcome is the platform's class (docs/platforms.md).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from schemas.events.authority import Profile
from schemas.events.requests import PlatformContent
from services.kernel.base.settings.city_platforms import ServerLimits

FetchMedia = Callable[[str], Awaitable[bytes]]
"""Gets a picture's bytes by their SHA-256; raises LookupError."""


@dataclass(frozen=True)
class Intent:
    """One post to one profile. ``content`` is what the approved rendering's bytes hold.

    ``idempotency_key`` is the same for each repeat of this revision on this profile, until an officer has it posted
    again that stood and is gone. ``author_time`` is when the request was made; ``call_timeout`` is what is left of the
    lease, in seconds. ``repeat``: an earlier call may have reached the platform, so whatever its
    listing shows by now is looked at before anything is sent. ``also_at``: of the
    website's mirror, the profiles that carry the message and the posts' addresses. ``follows``: the ``remote_id`` of an
    earlier post of this profile that this one answers, for connectors that declare ``reply``; for others the address
    that an earlier answer, which this one is about, has answered, so that it is there too. ``repost_of``: the
    ``remote_id`` of the same message on another profile, which is shown instead; only where ``repost`` is declared.
    """

    request_id: str
    revision: int
    profile: Profile
    content: PlatformContent
    rendering_sha256: str
    idempotency_key: str
    author_time: datetime
    call_timeout: float
    repeat: bool = False
    also_at: tuple[tuple[Profile, str], ...] = ()
    follows: str = ""
    repost_of: str = ""


class Cause(StrEnum):
    """Whose trouble it is. Only ``host`` says something of the whole platform, and only it opens the breaker.

    ``limit``: the platform asks to wait. ``credential``: it does not let this profile in. ``own``: the credential that
    we have cannot be used, or city.toml does not say where to. A person can fix all of that, so the message is held
    back and not lost.
    """

    HOST = "host"
    LIMIT = "limit"
    CREDENTIAL = "credential"
    OWN = "own"


@dataclass(frozen=True)
class Posted:
    """It stands: its public URL and the platform's id (of a thread: all ids, comma between, first part first).

    ``note`` says in plain words what is less than asked for, or other: a picture that the platform did not take, a text
    that its answer shows otherwise.
    """

    url: str
    remote_id: str
    note: str = ""


@dataclass(frozen=True)
class Retryable:
    """Surely not posted by this call, and it may be tried again. ``after`` in seconds, if the platform says.

    ``begun`` is the beginning of a thread that is there already; the next publish continues it.
    """

    reason: str
    after: float | None = None
    begun: Posted | None = None
    cause: Cause = Cause.LIMIT


@dataclass(frozen=True)
class Permanent:
    """Surely not posted, and trying again will not help: the platform's words are in ``reason``.

    ``begun`` is the beginning of a thread that stands although its rest was refused. ``gone``: what it was to answer is
    not there.
    """

    reason: str
    begun: Posted | None = None
    gone: bool = False


@dataclass(frozen=True)
class Unknown:
    """It may or may not stand (time-out or 5xx after sending). Never repeat before reconcile.

    ``cause``: ``host`` when the platform did not answer, or failed; None when it did answer, and nobody can read it.
    ``after`` in seconds, if the platform says when to come again.
    """

    reason: str
    cause: Cause | None = None
    after: float | None = None


@dataclass(frozen=True)
class Retracted:
    """It does not stand any more (also: it never did); ``note``: on whose word, where no platform said so."""

    note: str = ""


@dataclass(frozen=True)
class HandedOver:
    """A person does it by hand: ``reason`` says what. Whether it is there is known when an officer confirms it."""

    reason: str


PublishResult = Posted | Retracted | Retryable | Permanent | Unknown | HandedOver
"""``Retracted`` only of what is to take an earlier post back."""


@dataclass(frozen=True)
class Absent:
    """The platform shows that it does not stand, or only ``begun``, which the next publish continues."""

    begun: Posted | None = None


@dataclass(frozen=True)
class CannotTell:
    """The platform cannot be asked, or does not say; ``cause`` as of a call, None where it answered and did not say.

    ``after`` in seconds, if the platform says when to ask again.
    """

    reason: str
    cause: Cause | None = None
    after: float | None = None


@dataclass(frozen=True)
class Altered:
    """It stands, and is not as it was approved. ``differences``: what (text, pictures, language ...), and in words."""

    differences: tuple[tuple[str, str], ...]


ReconcileResult = Posted | Absent | CannotTell | HandedOver

ReadBackResult = Posted | Altered | Absent | CannotTell

RetractResult = Retracted | Retryable | Permanent | Unknown


@dataclass(frozen=True)
class Health:
    """Whether a profile can be posted to now: ``ok``, and what is wrong in plain words, and whose trouble it is.

    ``shows``: the name and description that people read on its page there; None: the platform was not asked.
    ``takes``: the limits of its server, where those are less than city.toml has messages made for.
    """

    ok: bool
    detail: str
    cause: Cause | None = None
    shows: str | None = None
    takes: ServerLimits | None = None


class WhenUnknown(StrEnum):
    """What is done when nobody knows whether a call posted.

    ``repeat``: the same key and bytes are the same post, so it is sent again. ``look``: the profile's own posts are
    looked at first, again and again for a while. ``person``: the platform shows nothing, so that asking it again is in
    vain; a person decides at once.
    """

    REPEAT = "repeat"
    LOOK = "look"
    PERSON = "person"


class Correction(StrEnum):
    """How what is there is put right: by a reply that people see under it, or by a new post.

    Nowhere by an edit: who has read the first words would not hear of it.
    """

    REPLY = "reply"
    NEW_POST = "new_post"


@dataclass(frozen=True)
class Declaration:
    """What a connector can do on its platform, beside posting.

    ``delete``: take one back (``retract``). ``reply``: answer an earlier post
    (``Intent.follows``). ``answers``: answer a post of anybody, by its address (``content.answers``). ``repost``: show
    another account's post. ``marks``: the page of an earlier message shows what came after it, which ``content.about``
    names; so it needs neither.
    """

    when_unknown: WhenUnknown
    correction: Correction
    delete: bool = False
    reply: bool = False
    answers: bool = False
    repost: bool = False
    marks: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for a correction by what the connector cannot do."""
        if self.correction is Correction.REPLY and not self.reply:
            raise ValueError(f"corrections are declared as {self.correction}, which is not declared itself")


class Connector(ABC):
    """One platform. Without a declaration none can be constructed."""

    platform: str

    @property
    @abstractmethod
    def declaration(self) -> Declaration:
        """What it can do; a class attribute does."""

    @abstractmethod
    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Post it, or say why not; ends within ``intent.call_timeout``."""

    @abstractmethod
    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look whether an earlier publish of this intent stands, without posting anything."""

    @abstractmethod
    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Take a post back; to repeat it is harmless."""

    @abstractmethod
    async def check(self, profile: Profile) -> Health:
        """Say whether this profile can be posted to (credentials, reachability), without posting."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections."""


@runtime_checkable
class ReadsBack(Protocol):
    """What a connector can do, too, whose platform may drop what it has accepted."""

    async def read_back(self, intent: Intent, remote_id: str) -> ReadBackResult:
        """Look whether a delivered post is still there as it was approved, by its id.

        Absent: the platform says that there is none. Altered: its text, pictures, their descriptions, language or
        visibility are others, as far as the platform shows them.
        """
        ...
