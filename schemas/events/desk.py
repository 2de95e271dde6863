"""What the desk asks and what it is answered: replies over the service imports (DESK to CORE)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.events.authority import Grant, Officer, Profile, Settings, Severity, System
from schemas.events.base import Contract, Id, PublicKey, Sha256, Utc
from schemas.events.broadcasts import LatePost, ProfileBudget, ProfileTrouble
from schemas.events.control import Posture, UnknownPost
from schemas.events.dead import DeadLetterView
from schemas.events.deliveries import PostedView
from schemas.events.enrolment import InviteView
from schemas.events.notices import PromisedUpdate
from schemas.events.outside import OutsideView
from schemas.events.proposals import ProposalView
from schemas.events.requests import Rendering, Request, ScreeningFinding
from schemas.events.shown import DeliveryCounts, PostureChange, PostWait
from schemas.events.verdicts import Verdict


class ErrorBody(Contract):
    """One clear error: a stable code, what is wrong and where, how to fix it."""

    code: str
    message: str
    hint: str = ""
    exit_status: int = 2


class ErrorReply(Contract):
    """What any desk subject answers when it does not do what was asked."""

    error: ErrorBody


class SubmitReply(Contract):
    """The request is in the ledger, on disk. ``duplicate``: it was there already, with the same content."""

    accepted: Literal[True] = True
    request_id: Id
    revision: int = 1
    seq: int
    duplicate: bool = False


class PreviewReply(Contract):
    """What a submission would become; nothing is kept. The digest is the one that submitting yields."""

    request_id: Id
    revision: int
    digest: Sha256
    scope: Literal["profiles", "all-departments"]
    targets: tuple[Id, ...]
    renderings: tuple[Rendering, ...]
    screening: tuple[ScreeningFinding, ...]
    expires_at: Utc
    created_at: Utc
    author: Id
    crisis: bool
    severity: Severity | None = None
    replaces: Id | None = None
    follows: Id | None = None
    not_before: Utc | None = None


class ApprovalReply(Contract):
    """The decision is in the ledger at ``seq``; a verdict with ``as_of`` of at least that has weighed it."""

    accepted: Literal[True] = True
    request_id: Id
    seq: int


class ResolutionReply(Contract):
    """The decision on an unconfirmed post is in the ledger at ``seq``; what it asks for follows at once."""

    accepted: Literal[True] = True
    request_id: Id
    profile: Id
    receipt_seq: int
    seq: int


class OrderReply(Contract):
    """The order holds; ``control_seq`` is the control revision.

    ``changed`` is false where it was so already: then nothing was written. ``proposal``: it waits there, under this
    number, until others confirm it.
    """

    accepted: Literal[True] = True
    changed: bool = True
    control_seq: int
    posture: Posture
    in_flight: int = 0
    proposal: int | None = None


MESSAGES = "messages"
"""What ``changes`` are asked ``about`` by who lists messages."""


class BoardQuery(Contract):
    """A question to the board; ``request_id`` may be an unambiguous beginning of one for ``status``.

    ``letter`` asks for one dead letter whole; without it ``dead`` lists the open ones, with ``closed`` all. ``pending``
    is answered page by page: ``after`` is the ``next`` of the page before. ``changes`` asks for the next entries above
    ``since``, up to 500 (or ``most``); ``about`` MESSAGES for the requests, verdicts and receipts among them, of the
    last two only with their outcome. ``history`` asks for all entries on a request, what it comes after and what came
    after it. Both have a ``next`` where an answer is cut: that is the ``since`` of the next question.
    ``outside`` lists the open outside posts, with ``closed`` acknowledged ones too, or with ``name`` shows one whole.
    ``posted`` names what was delivered to the profile ``name`` in ten days, ``promised`` the updates that are near or
    overdue. ``eoc`` with ``since`` also has the postures above that, ``authority`` where the last change stands
    ``about`` officer:pio; ``picture`` shows the one with the hash ``about``. ``at_least``: known first. ``most``: of
    each request so many deliveries at most, those that need a look first, and their ``counts``.
    """

    query: Literal[
        "eoc",
        "status",
        "pending",
        "profiles",
        "officers",
        "authority",
        "services",
        "dead",
        "changes",
        "history",
        "outside",
        "promised",
        "posted",
        "picture",
    ]
    request_id: Annotated[str, StringConstraints(max_length=63)] | None = None
    letter: Annotated[int, Field(ge=1)] | None = None
    name: Annotated[str, StringConstraints(max_length=63)] | None = None
    closed: bool | None = None
    after: Annotated[str, StringConstraints(max_length=80)] | None = None
    since: Annotated[int, Field(ge=0)] | None = None
    about: Annotated[str, StringConstraints(max_length=80)] | None = None
    at_least: Annotated[int, Field(ge=0)] | None = None
    most: Annotated[int, Field(ge=0)] | None = None


class ServiceHealth(Contract):
    """``health.<service>``: a heartbeat of one instance, core NATS, every second or two.

    ``waits``: posts that wait for a platform, its quota or a credential, the most urgent first; ``waiting``: how many
    posts wait in all (none: as many as ``waits`` says). ``control_seq``: the newest control revision that it has seen.
    ``trouble`` says in one sentence what a person must look at; ``profiles`` which could not be posted to, ``budgets``
    what is left for some of them.
    """

    service: str
    instance: str
    at: Utc
    control_seq: int
    posture: Posture | None = None
    version: str
    trouble: str | None = None
    waits: tuple[PostWait, ...] = ()
    profiles: tuple[ProfileTrouble, ...] | None = None
    budgets: tuple[ProfileBudget, ...] | None = None
    waiting: Annotated[int, Field(ge=0)] | None = None

    @property
    def posts_waiting(self) -> int:
        """How many posts wait in all."""
        return sum(wait.posts for wait in self.waits) if self.waiting is None else self.waiting


class EocView(Contract):
    """The posture as the ledger has it. ``last_seq`` is the newest sequence of the whole ledger.

    ``began_seq`` is the activation or declaration in force, ``hold_seq`` the hold (0: none): what ends it names it.
    ``unknown`` and ``late_posts`` as in ``EocBroadcast``.
    """

    realm: Literal["live", "exercise"]
    city: str
    website: str
    posture: Posture
    level: int | None = None
    incident: str | None = None
    control_seq: int
    hold: bool
    began_seq: int = 0
    hold_seq: int = 0
    in_flight: int
    unknown: tuple[UnknownPost, ...] = ()
    late_posts: tuple[LatePost, ...] = ()
    last_seq: int
    services: tuple[ServiceHealth, ...] = ()


class DeliveryView(Contract):
    """One profile of a request: ``outcome`` is queued, posting, put_aside, or that of the newest receipt.

    ``receipt_seq`` is the newest receipt's ledger sequence, 0 before one: a resolution names it. ``retry_at`` is when
    it is tried again, where it waits; ``reason`` says for what.
    """

    profile: Id
    platform: Id
    outcome: str
    url: str | None = None
    reason: str = ""
    final: bool = False
    receipt_seq: int = 0
    retry_at: Utc | None = None


class RequestView(Contract):
    """A request with all that the ledger says of it, up to the sequence ``as_of``.

    ``dead_letters``: open ones that hold it up. ``replaced_by``: its cleared correction or recall. ``previous``: the
    revision before, of one that was edited. In a page of ``pending`` the renderings are left out. ``counts``: only as
    many deliveries were asked for; those that are unconfirmed, and the mirror's, are among them in any case.
    """

    request: Request
    request_seq: int
    verdict: Verdict | None = None
    verdict_seq: int = 0
    deliveries: tuple[DeliveryView, ...] = ()
    withdrawn: bool = False
    replaced_by: Id | None = None
    dead_letters: tuple[DeadLetterView, ...] = ()
    as_of: int = 0
    previous: Request | None = None
    counts: DeliveryCounts | None = None


class OfficerView(Contract):
    """An officer and the grants that count now."""

    officer: Officer
    grants_now: tuple[Grant, ...]
    revoked: bool


class AuthorityView(Contract):
    """The root in force, settings, systems, what waits for a second officer, unused links, the change asked about."""

    version: int
    expires_at: Utc | None = None
    root_keys: tuple[PublicKey, ...]
    root_threshold: int
    threshold: int
    settings: Settings
    systems: tuple[System, ...]
    proposals: tuple[ProposalView, ...]
    invites: tuple[InviteView, ...] | None = None
    last_change: int | None = None


class BoardReply(Contract):
    """The answer to a BoardQuery: the field that was asked for is there; ``pending`` has the open dead letters and
    outside posts too.

    ``total`` counts what ``pending`` holds in all, ``next`` asks for its next page. ``changes`` are in order; ``as_of``
    is the sequence that the board had folded. ``picture`` is in base64. ``postures``: the newest 100 above ``since``.
    """

    eoc: EocView | None = None
    postures: tuple[PostureChange, ...] | None = None
    requests: tuple[RequestView, ...] | None = None
    profiles: tuple[Profile, ...] | None = None
    officers: tuple[OfficerView, ...] | None = None
    authority: AuthorityView | None = None
    services: tuple[ServiceHealth, ...] | None = None
    dead_letters: tuple[DeadLetterView, ...] | None = None
    outside: tuple[OutsideView, ...] | None = None
    promised: tuple[PromisedUpdate, ...] | None = None
    posted: tuple[PostedView, ...] | None = None
    picture: str | None = None
    total: int | None = None
    next: str | None = None
    changes: tuple[BoardEvent, ...] | None = None
    as_of: int | None = None

    def to_bytes(self) -> bytes:
        """Return it as JSON. Nobody signs an answer: sorting its keys would take most of making a long one."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)


class BoardEvent(Contract):
    """``board.<kind>.<name>``: an entry of the ledger (``body``), for people who watch; each comes once, in order."""

    seq: int
    subject: str
    at: Utc
    body: dict[str, Any]


BoardReply.model_rebuild()
