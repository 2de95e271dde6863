"""Every stream and every durable consumer. Made by the provisioning user; services only compare.

Sizes in bytes, durations in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas import subjects

HOUR = 3_600.0
LEDGER = "LEDGER"
MEDIA = "MEDIA"
UPLOADS = "UPLOADS"
DEAD = "DEAD"
TRIES = "TRIES"

MAX_PAYLOAD = 8 * 1024 * 1024
"""The server's max_payload: a picture goes through in one message, and a megabyte of JSON reaches the
service that can say what is wrong with it."""

SERVICE_API = "CORE.API"
"""The prefix under which a service's account imports JetStream's API of the ledger's account: under ``$JS.API`` the
server answers for the service's own account, which has no JetStream."""

OWN_API = "$JS.API"
"""The prefix of JetStream's API inside the ledger's account, where only the provisioning user lives."""

LEDGER_FORMAT = 3
"""The newest kind of ledger that this version reads, and the one that it writes: 1 was 0.1's, 2 was 0.2's, neither of
which said so. Raise it when an older version would misread what a new one appends."""

FORMAT = "onevoice.format"
"""Where the stream of the ledger says its format (metadata)."""

RESTORED = "onevoice.restored"
"""Where it says up to which sequence a restore has put entries back (metadata; 0: none was). Only the provisioning user
may write it; up to there, and nowhere else, an entry's own word counts for when it was stored first."""

REPEAT_SECONDS = 120.0
"""How long a message id is known again. Who gets no ack repeats for some 20 s; what comes later is refused by its
compare-and-set, void in the fold, or changes nothing, as the same word said twice (ADR 35). Each id costs the server
some 400 bytes of memory."""

LEASE_SECONDS = 15.0
"""A platform call never lasts longer; after it, an attempt without a receipt is surely not being sent."""


UPLOAD_SECONDS = 24 * HOUR
"""How long a picture is there that no request names. The server takes it away: no service may delete anything."""

MOST_UPLOADS = 500
"""So many of them at most, of up to 1,000,000 bytes each; the oldest go first."""


@dataclass(frozen=True)
class Stream:
    """A stream as it has to be. ``duplicate_window`` and ``max_age`` (0: for ever) in seconds.

    ``max_msgs``: the oldest go when more come (-1: none ever goes). ``share``: the part of the realm's store ([nats]
    store_gb in city.toml) that it may fill; at its limit it takes nothing more, or where ``oldest_go`` the oldest go.
    How full each is, is watched (services.audit.store_watch).

    ``republish`` is put before the subject under which each stored message is said once more (core NATS). ``direct``:
    it can be read in batches from any replica. ``atomic``: a batch is stored whole or not at all.
    """

    name: str
    subjects: tuple[str, ...]
    share: float
    oldest_go: bool = False
    deny_delete: bool = True
    deny_purge: bool = True
    duplicate_window: float = REPEAT_SECONDS
    max_age: float = 0.0
    max_msgs: int = -1
    max_msgs_per_subject: int = -1
    discard_new: bool = False
    republish: str = ""
    direct: bool = False
    atomic: bool = False
    description: str = ""


@dataclass(frozen=True)
class Consumer:
    """A durable pull consumer as it has to be. ``ack_wait`` in seconds; messages are never given up.

    ``max_ack_pending`` is above what can be open: no waiting message keeps another one from being handed out.
    """

    stream: str
    durable: str
    filter_subject: str
    ack_wait: float = 10.0
    max_ack_pending: int = 256


STREAMS = (
    Stream(
        LEDGER,
        (subjects.LEDGER_ALL,),
        share=0.6,
        republish=subjects.FEED,
        direct=True,
        atomic=True,
        description="The record: control, requests, approvals, verdicts, attempts, receipts, notices, seals.",
    ),
    Stream(
        MEDIA,
        (subjects.MEDIA_ALL,),
        share=0.28,
        max_msgs_per_subject=1,
        discard_new=True,
        description="Pictures that requests name, by the hash of their bytes.",
    ),
    Stream(
        UPLOADS,
        (subjects.UPLOADS_ALL,),
        share=0.05,
        oldest_go=True,
        max_age=UPLOAD_SECONDS,
        max_msgs=MOST_UPLOADS,
        max_msgs_per_subject=1,
        description="Pictures that no request names yet, for a day.",
    ),
    Stream(
        DEAD,
        (
            subjects.DEAD_ALL,
            subjects.DEAD_AGAIN_ALL,
            subjects.DEAD_CLOSED_ALL,
            subjects.MAX_DELIVERIES,
            subjects.MSG_TERMINATED,
        ),
        share=0.05,
        description="What services could not handle or the server gave up, and how each dead letter ended.",
    ),
    Stream(
        TRIES,
        (subjects.TRIES_ALL,),
        share=0.02,
        oldest_go=True,
        deny_delete=False,
        deny_purge=False,
        max_msgs_per_subject=1,
        description="How often the handling of a message failed; a working set, the newest mark of each.",
    ),
)

GATEKEEPER_REQUESTS = Consumer(LEDGER, "gatekeeper-requests", subjects.REQUESTS)
GATEKEEPER_APPROVALS = Consumer(LEDGER, "gatekeeper-approvals", subjects.APPROVALS)
GATEKEEPER_CONTROL = Consumer(LEDGER, "gatekeeper-control", subjects.CONTROL)
FANOUT_VERDICTS = Consumer(LEDGER, "fanout-verdicts", subjects.VERDICTS, ack_wait=6.0, max_ack_pending=100_000)
FANOUT_RESOLUTIONS = Consumer(LEDGER, "fanout-resolutions", subjects.RESOLUTIONS, ack_wait=6.0, max_ack_pending=10_000)
EOC_STATE_CONTROL = Consumer(LEDGER, "eoc-state-control", subjects.CONTROL)
EOC_STATE_AGAIN = Consumer(DEAD, "eoc-state-again", subjects.dead_again("eoc_state"))
GATEKEEPER_AGAIN = Consumer(DEAD, "gatekeeper-again", subjects.dead_again("gatekeeper"))
FANOUT_AGAIN = Consumer(DEAD, "fanout-again", subjects.dead_again("fanout"))
AUDIT_COPY = Consumer(LEDGER, "audit-copy", subjects.LEDGER_ALL, max_ack_pending=2_048)

CONSUMERS = (
    GATEKEEPER_REQUESTS,
    GATEKEEPER_APPROVALS,
    GATEKEEPER_CONTROL,
    FANOUT_VERDICTS,
    FANOUT_RESOLUTIONS,
    EOC_STATE_CONTROL,
    AUDIT_COPY,
    EOC_STATE_AGAIN,
    GATEKEEPER_AGAIN,
    FANOUT_AGAIN,
)
