"""The map: who consumes, reads, writes, serves, broadcasts and subscribes to what.

The NATS permissions, the diagram in docs/architecture.md, the AsyncAPI document and a drift test come from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas import streams, subjects
from schemas.streams import Consumer


@dataclass(frozen=True)
class Service:
    """One service's row in the map.

    ``consumes``: durables. ``reads``: streams whose messages it gets by subject. ``writes``: subjects that it appends
    to. ``serves``: desk subjects that it answers (without the user token). ``broadcasts``, ``subscribes``: core NATS.
    ``again``: the durable that its dead letters come back through; who has one marks its tries and closes letters.
    ``folds``: it keeps a projection of the ledger; who does not, reads control alone. ``posts``: it calls platforms,
    so it remembers the newest entry that it has seen, for a ledger that lost its end. ``asks_store``: it may ask how
    much the broker stores.
    """

    name: str
    summary: str
    consumes: tuple[Consumer, ...] = ()
    reads: tuple[str, ...] = (streams.LEDGER,)
    writes: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()
    broadcasts: tuple[str, ...] = ()
    subscribes: tuple[str, ...] = (subjects.EOC_STATE, subjects.AUDIT_STANDING)
    again: Consumer | None = None
    folds: bool = False
    posts: bool = False
    asks_store: bool = False

    @property
    def user(self) -> str:
        """The name of its NATS user and key file: the service's name with hyphens."""
        return self.name.replace("_", "-")

    @property
    def dead_letters(self) -> str:
        """Where it puts what it cannot read."""
        return subjects.dead(self.name)

    @property
    def heartbeat(self) -> str:
        """Where it says that it lives."""
        return subjects.health(self.name)


EOC_STATE = Service(
    "eoc_state",
    "takes the EOC's orders, waits until nothing is in flight, broadcasts the posture",
    consumes=(streams.EOC_STATE_CONTROL,),
    writes=(subjects.CONTROL,),
    serves=(subjects.DESK_EOC_ORDER,),
    folds=True,
    again=streams.EOC_STATE_AGAIN,
    broadcasts=(subjects.EOC_STATE,),
    subscribes=(subjects.AUDIT_STANDING, subjects.health("fanout")),
)
REGISTRY = Service(
    "registry",
    "keeps who holds which role and which profiles are official",
    writes=(subjects.CONTROL,),
    serves=(subjects.DESK_REGISTRY_ORDER, subjects.DESK_WEB_ENROLL),
)
INTAKE = Service(
    "intake",
    "checks, screens and renders what people and systems submit, and puts it on record",
    reads=(streams.LEDGER, streams.MEDIA, streams.UPLOADS),
    writes=(subjects.REQUESTS, subjects.APPROVALS, subjects.MEDIA_ALL, subjects.UPLOADS_ALL),
    serves=(
        subjects.DESK_REQUEST_PREVIEW,
        subjects.DESK_REQUEST_SUBMIT,
        subjects.DESK_REQUEST_SYSTEM,
        subjects.DESK_MEDIA_PUT,
        subjects.DESK_APPROVAL_SUBMIT,
        subjects.DESK_WEB_PREVIEW,
        subjects.DESK_WEB_SUBMIT,
    ),
    folds=True,
)
GATEKEEPER = Service(
    "gatekeeper",
    "decides each request by the policy, and again after each control change",
    consumes=(
        streams.GATEKEEPER_REQUESTS,
        streams.GATEKEEPER_APPROVALS,
        streams.GATEKEEPER_CONTROL,
    ),
    writes=(subjects.VERDICTS,),
    again=streams.GATEKEEPER_AGAIN,
    folds=True,
)
FANOUT = Service(
    "fanout",
    "posts what is cleared to each profile, once, and writes the receipt",
    consumes=(streams.FANOUT_VERDICTS, streams.FANOUT_RESOLUTIONS),
    reads=(streams.LEDGER, streams.MEDIA, streams.DEAD),
    writes=(
        subjects.ATTEMPTS,
        subjects.RECEIPTS,
        subjects.RESOLUTIONS,
        subjects.OUTSIDE_POSTS,
        subjects.ACKNOWLEDGEMENTS,
        subjects.MEDIA_ALL,
    ),
    serves=(subjects.DESK_DELIVERY_RESOLVE, subjects.DESK_OUTSIDE_ACKNOWLEDGE, subjects.DESK_INQUIRIES),
    again=streams.FANOUT_AGAIN,
    folds=True,
    posts=True,
)
BOARD = Service(
    "board",
    "answers what is where, and shows people the ledger as it grows",
    reads=(streams.LEDGER, streams.MEDIA, streams.UPLOADS, streams.DEAD),
    writes=(subjects.NOTICES, subjects.DEAD_AGAIN_ALL, subjects.DEAD_CLOSED_ALL),
    serves=(subjects.DESK_BOARD_QUERY, subjects.DESK_DEAD_ORDER),
    folds=True,
    broadcasts=(subjects.BOARD_ALL,),
    subscribes=(subjects.EOC_STATE, subjects.AUDIT_STANDING, subjects.HEALTH_ALL),
)
AUDIT = Service(
    "audit",
    "keeps the second copy of the record, hashed and sealed",
    consumes=(streams.AUDIT_COPY,),
    reads=(streams.LEDGER, streams.MEDIA),
    writes=(subjects.SEAL,),
    serves=(subjects.DESK_AUDIT_COMPARE,),
    broadcasts=(subjects.AUDIT_STANDING,),
    asks_store=True,
)

SERVICES = (EOC_STATE, REGISTRY, INTAKE, GATEKEEPER, FANOUT, BOARD, AUDIT)

OFFICER_MAY_SEND = (
    subjects.DESK_REQUEST_PREVIEW,
    subjects.DESK_REQUEST_SUBMIT,
    subjects.DESK_MEDIA_PUT,
    subjects.DESK_APPROVAL_SUBMIT,
    subjects.DESK_DELIVERY_RESOLVE,
    subjects.DESK_OUTSIDE_ACKNOWLEDGE,
    subjects.DESK_EOC_ORDER,
    subjects.DESK_REGISTRY_ORDER,
    subjects.DESK_INQUIRIES,
    subjects.DESK_BOARD_QUERY,
    subjects.DESK_AUDIT_COMPARE,
    subjects.DESK_DEAD_ORDER,
)
SYSTEM_MAY_SEND = (subjects.DESK_REQUEST_SUBMIT,)
SYSTEMS_LANE = {subjects.DESK_REQUEST_SUBMIT: subjects.DESK_REQUEST_SYSTEM}
"""What systems send, by where the server puts it: their messages have workers of their own."""

DOCTOR = "doctor"
"""The user of the health check: it looks, and signs nothing."""
DOCTOR_MAY_SEND = (subjects.DESK_BOARD_QUERY, subjects.DESK_AUDIT_COMPARE)
PROVISION = "provision"
"""The user that makes streams and consumers."""

WEB = "web"
"""The user of the web service, in an account of its own. It carries what officers' passkeys signed, and holds no
officer's key: in its own name it sends questions and pictures; all else counts by its passkey signature alone."""
WEB_MAY_SEND = (
    subjects.DESK_WEB_PREVIEW,
    subjects.DESK_WEB_SUBMIT,
    subjects.DESK_WEB_ENROLL,
    subjects.DESK_MEDIA_PUT,
    subjects.DESK_APPROVAL_SUBMIT,
    subjects.DESK_DELIVERY_RESOLVE,
    subjects.DESK_OUTSIDE_ACKNOWLEDGE,
    subjects.DESK_EOC_ORDER,
    subjects.DESK_REGISTRY_ORDER,
    subjects.DESK_INQUIRIES,
    subjects.DESK_BOARD_QUERY,
    subjects.DESK_AUDIT_COMPARE,
)
RESERVED = frozenset({DOCTOR, WEB})
"""Names that no officer and no system may have."""


def service(name: str) -> Service:
    """Return a service's row by its name; raises KeyError."""
    return {row.name: row for row in SERVICES}[name]
