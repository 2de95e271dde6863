"""Every NATS subject of OneVoice, and the grammar of what may stand in one (NATS ADR-6). Nothing else takes one apart.

    subject  = token *("." token)
    token    = 1 to 63 of a-z, 0-9 and "-", with a letter or digit at both ends
    ledger   = "ledger." ( "control" / "seal" / ( "request" / "verdict" / "notice" ) "." request
             / "approval." request "." officer
             / ( "attempt" / "receipt" / "resolution" / "delivery" ) "." profile "." request
             / ( "outside" / "acknowledgement" ) "." profile "." outside )
    desk     = "desk." noun "." verb "." user
    filter   = a subject in which "*" stands for one token, and ">" at the end for one or more

Tokens that come from outside are checked here before they enter a subject: the server stores publishes to
``s.*`` as they are, so a wildcard in an id would write where nobody looks.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

TOKEN = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # noqa: S105 - a token of a subject
_TOKEN = re.compile(TOKEN)

REQUEST_ID_LENGTH = 13
"""The characters of each request's id: ``r`` and 12 of base32 (60 bits), as intake makes it."""

CONTROL = "ledger.control"
SEAL = "ledger.seal"
LEDGER_ALL = "ledger.>"
FEED = "feed."
FEED_ALL = "feed.>"
"""Each stored entry of the ledger once more, under ``feed.`` and its own subject (the stream's republish)."""

EOC_STATE = "eoc.state"
AUDIT_STANDING = "audit.standing"
BOARD_ALL = "board.>"


class SubjectTokenError(ValueError):
    """A word that may not stand in a subject."""

    def __init__(self, word: str) -> None:
        shown = word if len(word) <= 40 else word[:40] + "…"
        super().__init__(
            f"{shown!r} is not an id: use 1 to 63 lowercase letters, digits and hyphens, "
            "beginning and ending with a letter or digit"
        )


def token(word: str) -> str:
    """Return the word if it may stand in a subject, else raise SubjectTokenError."""
    if not is_token(word):
        raise SubjectTokenError(word)
    return word


def is_token(word: str) -> bool:
    """True when a word may stand in a subject."""
    return _TOKEN.fullmatch(word) is not None


def matches(pattern: str, subject: str) -> bool:
    """True when a subject fits a filter with ``*`` and ``>``."""
    wanted, tokens = pattern.split("."), subject.split(".")
    for place, one in enumerate(wanted):
        if one == ">":
            return len(tokens) > place
        if place >= len(tokens) or one not in ("*", tokens[place]):
            return False
    return len(wanted) == len(tokens)


# --- the ledger -------------------------------------------------------------------------------------------


def request(request_id: str) -> str:
    """Return the subject of a publish request."""
    return f"ledger.request.{token(request_id)}"


def approval(request_id: str, officer: str) -> str:
    """Return the subject of one officer's decisions on a request."""
    return f"ledger.approval.{token(request_id)}.{token(officer)}"


def verdict(request_id: str) -> str:
    """Return the subject of the verdicts on a request."""
    return f"ledger.verdict.{token(request_id)}"


def attempt(profile: str, request_id: str) -> str:
    """Return the subject of the write-ahead attempts to post a request to a profile."""
    return f"ledger.attempt.{token(profile)}.{token(request_id)}"


def receipt(profile: str, request_id: str) -> str:
    """Return the subject of the receipts of a request on a profile."""
    return f"ledger.receipt.{token(profile)}.{token(request_id)}"


def resolution(profile: str, request_id: str) -> str:
    """Return the subject of people's decisions on an unconfirmed post of a request on a profile."""
    return f"ledger.resolution.{token(profile)}.{token(request_id)}"


def outside(profile: str, name: str) -> str:
    """Return the subject of a post on a profile that did not come through the gate."""
    return f"ledger.outside.{token(profile)}.{token(name)}"


def acknowledgement(profile: str, name: str) -> str:
    """Return the subject of an officer's word on an outside post."""
    return f"ledger.acknowledgement.{token(profile)}.{token(name)}"


def on_outside(name: str) -> tuple[str, str]:
    """Return the filters for an outside post of this id, and for the officers' words on it."""
    return f"ledger.outside.*.{token(name)}", f"ledger.acknowledgement.*.{token(name)}"


def notice(request_id: str) -> str:
    """Return the subject of the notices about a request, an outside post or a profile by its id."""
    return f"ledger.notice.{token(request_id)}"


def posted_to(profile: str) -> tuple[str, str]:
    """Return the filters for all attempts on a profile, and for all receipts of it."""
    return f"ledger.attempt.{token(profile)}.*", f"ledger.receipt.{token(profile)}.*"


class LedgerPlace(NamedTuple):
    """What a subject of the ledger is about; ``kind`` is empty when no entry belongs there.

    ``name`` is the profile, of an approval the officer; ``request_id`` and ``name`` are empty where there is none.
    """

    kind: str
    request_id: str
    name: str


_NOWHERE = LedgerPlace("", "", "")
_BEFORE_REQUEST = frozenset({"attempt", "receipt", "resolution", "delivery"})


@lru_cache(maxsize=4_096)
def place_of(subject: str) -> LedgerPlace:
    """Return what a subject of the ledger is about; tokens are counted, not checked: the event has to name them too."""
    match subject.split("."):
        case ["ledger", "control" | "seal" as kind]:
            return LedgerPlace(kind, "", "")
        case ["ledger", "request" | "verdict" | "notice" as kind, request_id]:
            return LedgerPlace(kind, request_id, "")
        case ["ledger", "approval" as kind, request_id, officer]:
            return LedgerPlace(kind, request_id, officer)
        case ["ledger", "outside" | "acknowledgement" as kind, profile, _]:
            return LedgerPlace(kind, "", profile)
        case ["ledger", kind, profile, request_id] if kind in _BEFORE_REQUEST:
            return LedgerPlace(kind, request_id, profile)
    return _NOWHERE


def all_of(request_id: str) -> tuple[str, ...]:
    """Return the filters for all entries on one request."""
    name = token(request_id)
    one = (f"ledger.request.{name}", f"ledger.approval.{name}.*", f"ledger.verdict.{name}")
    return (*one, f"ledger.attempt.*.{name}", f"ledger.receipt.*.{name}", f"ledger.resolution.*.{name}")


def on_profile(request_id: str, profile: str) -> tuple[str, ...]:
    """Return the subjects from which it follows what stands of a request on one profile."""
    one = (request(request_id), verdict(request_id))
    return (*one, *(place(profile, request_id) for place in (attempt, receipt, resolution)))


REQUESTS = "ledger.request.*"
APPROVALS = "ledger.approval.*.*"
VERDICTS = "ledger.verdict.*"
ATTEMPTS = "ledger.attempt.*.*"
RECEIPTS = "ledger.receipt.*.*"
RESOLUTIONS = "ledger.resolution.*.*"
OUTSIDE_POSTS = "ledger.outside.*.*"
ACKNOWLEDGEMENTS = "ledger.acknowledgement.*.*"
NOTICES = "ledger.notice.*"

NOT_WRITTEN = ("ledger.delivery.*.*",)
"""What versions before 0.3 wrote: it is verified and restored, and nobody appends it any more."""

# --- working sets beside the ledger -----------------------------------------------------------------------

MEDIA_ALL = "media.*"
UPLOADS_ALL = "upload.*"
DEAD_ALL = "dead.*"
DEAD_AGAIN_ALL = "dead.again.*"
DEAD_CLOSED_ALL = "dead.closed.*"
TRIES_ALL = "tries.*.*"
MAX_DELIVERIES = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.*.*"
MSG_TERMINATED = "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.*.*"
"""What the server says when it gives a message up: for lack of deliveries left, or because a client said so."""


def media(sha256: str) -> str:
    """Return the subject of a picture that a request names, by the SHA-256 of its bytes."""
    return f"media.{_hash(sha256)}"


def upload(sha256: str) -> str:
    """Return the subject of a picture that no request names yet, by the SHA-256 of its bytes."""
    return f"upload.{_hash(sha256)}"


def _hash(sha256: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise SubjectTokenError(sha256)
    return sha256


def dead(service: str) -> str:
    """Return the subject where a service puts messages that it cannot read."""
    return f"dead.{token(service.replace('_', '-'))}"


def dead_again(service: str) -> str:
    """Return the subject on which a service gets its dead letters again."""
    return f"dead.again.{token(service.replace('_', '-'))}"


def dead_closed(letter: int) -> str:
    """Return the subject of a dead letter's closing."""
    return f"dead.closed.{token(str(letter))}"


def tries(durable: str, seq: int) -> str:
    """Return the subject of the mark that counts the tries at a message of a durable."""
    return f"tries.{durable}.{token(str(seq))}"


# --- broadcasts -------------------------------------------------------------------------------------------

HEALTH_ALL = "health.*"


def health(service: str) -> str:
    """Return the subject of a service's heartbeat."""
    return f"health.{token(service.replace('_', '-'))}"


def board(kind: str, name: str) -> str:
    """Return the subject on which people watch: kind is control, request, verdict, attempt, receipt ..."""
    return f"board.{token(kind)}.{token(name)}"


BOARD_BEAT = "board.beat.now"
BOARD_TOGETHER = "board.entries.together"
"""Where entries that came close together are broadcast in one message (schemas.events.board_events)."""


# --- the desk: the last token is the NATS user, so it proves who sends -------------------------------------

DESK_REQUEST_PREVIEW = "desk.request.preview"
DESK_REQUEST_SUBMIT = "desk.request.submit"
DESK_REQUEST_SYSTEM = "desk.request.system"
"""Where the server puts what systems send to ``desk.request.submit``: a lane of their own, so that no person waits."""

DESK_MEDIA_PUT = "desk.media.put"
DESK_APPROVAL_SUBMIT = "desk.approval.submit"
DESK_DELIVERY_RESOLVE = "desk.delivery.resolve"
DESK_OUTSIDE_ACKNOWLEDGE = "desk.outside.acknowledge"
DESK_INQUIRIES = "desk.inquiries.list"
DESK_EOC_ORDER = "desk.eoc.order"
DESK_REGISTRY_ORDER = "desk.registry.order"
DESK_BOARD_QUERY = "desk.board.query"
DESK_AUDIT_COMPARE = "desk.audit.compare"
DESK_DEAD_ORDER = "desk.dead.order"
DESK_WEB_PREVIEW = "desk.web.preview"
DESK_WEB_SUBMIT = "desk.web.submit"
DESK_WEB_ENROLL = "desk.web.enroll"
"""What only the web service sends: a preview for an officer, a submission and an enrolment that passkeys signed."""


def desk(base: str, user: str) -> str:
    """Return a desk subject for one user."""
    return f"{base}.{token(user)}"


def sender_of(subject: str) -> str:
    """Return the user who sent a desk message; its permissions prove it."""
    return subject.rpartition(".")[2]


def every_user(base: str) -> str:
    """Return the filter of a desk subject for all users."""
    return f"{base}.*"
