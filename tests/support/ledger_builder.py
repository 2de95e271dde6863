"""Builds ledgers out of real signed events, as the services would append them, without a broker.

A city folder made by ``services.provision`` gives the keys. Each method appends what one service appends and
returns its sequence; ``overrides`` bend an event, for records that must not verify. ``old``: as version 0.2 wrote it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from schemas import canonical, subjects
from schemas.events.approvals import Approval
from schemas.events.audit import Checkpoint, Seal
from schemas.events.base import Contract
from schemas.events.control import RULE, EocActivate, EocActive, EocStandDown, Genesis, Ordered, UnknownPost
from schemas.events.deliveries import DeliveryEvent, ReceiptOutcome
from schemas.events.envelope import APPROVAL_TYPE, CHECKPOINT_TYPE, ORDER_TYPE, Envelope
from schemas.events.notices import NoticeSent
from schemas.events.outside import OutsidePost
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR, WEBSITE
from services.audit.proof.replay import judge
from services.audit.proof.replay_state import PinnedKeys, ReplayState
from services.audit.record.audit_keys import AuditKeys
from services.audit.record.checkpoints import FIRST
from services.audit.record.format import RecordEntry, write_line
from services.audit.record.merkle import CompactRange
from services.audit.record.writer import RecordWriter
from services.kernel.authority.signing import Signer, load_key, new_seed
from services.kernel.base.city import City, load_city
from services.kernel.base.clock import ManualClock
from services.kernel.control.control_state import ControlState
from services.kernel.control.naming import named
from services.provision import demo_plan, make_city, read_envelope
from tests.support.authenticator import Authenticator
from tests.support.messages import attempt_on, receipt_on, renderings_of, request_of, verdict_on
from tests.support.people import acknowledgement_of, order_of, resolution_of, statement_on

START = datetime(2026, 1, 31, 14, 0, 0, tzinfo=UTC)
FIRE = "fire-townsquare"
WEB = "fire-website"


def authority_of(city: City) -> PinnedKeys:
    """Return the pinned keys of a city, as the audit takes them."""
    pinned = city.authority
    return PinnedKeys(city.realm, frozenset(pinned.root_keys), pinned.threshold, AuditKeys(pinned.audit_key))


def demo_city(folder: Path) -> City:
    """Make the demonstration city in a folder."""
    return make_city(folder, demo_plan(), ManualClock(START))


class LedgerBuilder:
    """A ledger in memory. ``now`` is the time of the next entry; each entry takes 100 ms."""

    def __init__(self, city: City, realm: str | None = None, *, old: bool = False) -> None:
        self.city = load_city(city.folder, realm) if realm else city  # type: ignore[arg-type]
        self.old = old
        self.now = START
        self.entries: list[RecordEntry] = []
        self.last: dict[str, int] = {}
        self._counts = Counter[str]()
        self._signers: dict[str, Signer] = {}
        self._folded, self._control = 0, ReplayState(authority_of(self.city))

    def branch(self, entries: int) -> LedgerBuilder:
        """Return another ledger that begins with the same entries, to tell another story from there."""
        other = LedgerBuilder(self.city, old=self.old)
        other.now, other.entries = self.now, self.entries[:entries]
        other.last = {entry.subject: entry.seq for entry in other.entries}
        other._counts.update(entry.subject for entry in other.entries)
        return other

    # --- the ledger -----------------------------------------------------------------------------------------

    def append(
        self,
        subject: str,
        event: Contract | bytes,
        *,
        expect_last: int | None = None,
        fence: tuple[str, int] | None = None,
    ) -> int:
        """Append an event with the headers that services.kernel.ledger.client gives it; return its sequence."""
        data = event if isinstance(event, bytes) else event.to_bytes()
        headers = {"Nats-Msg-Id": canonical.sha256(subject.encode() + b"\n" + data)}
        if fence is not None:
            headers["Nats-Expected-Last-Subject-Sequence-Subject"] = fence[0]
            headers["Nats-Expected-Last-Subject-Sequence"] = str(fence[1])
        elif expect_last is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(expect_last)
        seq = len(self.entries) + 1
        self.entries.append(RecordEntry(seq, subject, self.now, data, headers))
        self.last[subject] = seq
        self._counts[subject] += 1
        self.now += timedelta(milliseconds=100)
        return seq

    @property
    def rule(self) -> Any:
        """The rule that an event names."""
        return None if self.old else 2

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def signer(self, name: str) -> Signer:
        """Return the key of an officer in this realm."""
        if name not in self._signers:
            self._signers[name] = load_key(self.city.key_path(name))
        return self._signers[name]

    def state(self) -> ControlState:
        """Return the control state now."""
        for entry in self.entries[self._folded :]:
            if entry.subject == subjects.CONTROL:
                list(judge(self._control, entry))
        self._folded = len(self.entries)
        return self._control.control

    # --- control --------------------------------------------------------------------------------------------

    def control(self, event: Contract) -> int:
        """Append a control event by compare-and-set."""
        return self.append(subjects.CONTROL, event, expect_last=self.last.get(subjects.CONTROL, 0))

    def genesis(self, manifest: Envelope | None = None) -> int:
        """Append the authority manifest."""
        return self.control(
            Genesis(at=self.now, manifest=manifest or read_envelope(self.city), rule=None if self.old else RULE)
        )

    def order(
        self, officer: str, action: Any, *, signer: Signer | Authenticator | None = None, **overrides: Any
    ) -> int:
        """Append an officer's signed order."""
        asked = action if self.old else named(self.state(), action)
        statement = order_of(officer, asked, self.now, **({"realm": self.city.realm} | overrides))
        envelope = (signer or self.signer(officer)).sign(ORDER_TYPE, statement)
        return self.control(Ordered(at=self.now, order=envelope, rule=None if self.old else RULE))

    def activate(self) -> int:
        """Activate the EOC, wait for the lease, and tell it active."""
        activating = self.order("eoc-director", EocActivate(level=2, incident="Freshet"))
        return self.active(activating)

    def active(self, activating_seq: int, *unknown: tuple[str, str, int]) -> int:
        """Append eoc_active; ``unknown`` are profile, request and attempt of each post that is named."""
        posts = tuple(UnknownPost(profile=one, request_id=name, attempt_seq=seq) for one, name, seq in unknown)
        return self.control(EocActive(at=self.now, activating_seq=activating_seq, unknown=posts or None))

    def stand_down(self) -> int:
        """Stand the EOC down."""
        return self.order("eoc-director", EocStandDown())

    # --- requests and approvals -----------------------------------------------------------------------------

    def request(
        self,
        name: str = "r2a",
        targets: Sequence[str] = (FIRE,),
        *,
        text: str = "Road closed at Lougheed; detour by Wren Street. https://mission.example/roads",
        **overrides: Any,
    ) -> Request:
        """Append a request; ``all-departments`` as scope takes all departmental profiles."""
        state = self.state()
        if overrides.get("scope") == "all-departments":
            targets = state.departmental_profiles()
        platforms = sorted({state.profiles[t].platform for t in targets if t in state.profiles} | {"website"})
        renderings = renderings_of(text, platforms, self.now)
        fields = {
            "realm": self.city.realm,
            "source": "onevoice",
            "targets": tuple(targets),
            "submitted_posture": str(state.posture),
        }
        event = request_of(name, text, renderings, self.now, **(fields | overrides))
        if self.old:
            self.append(subjects.request(name), event, fence=(subjects.CONTROL, self.last[subjects.CONTROL]))
        else:
            self.append(subjects.request(name), event, expect_last=self.last.get(subjects.request(name), 0))
        return event

    def approve(
        self,
        request: Request,
        officer: str,
        *,
        signer: Signer | Authenticator | None = None,
        stands_as: str | None = None,
        **overrides: Any,
    ) -> int:
        """Append an officer's signed statement on a request."""
        fields = {"realm": self.city.realm, "expires_at": self.now + timedelta(minutes=30)}
        statement = statement_on(request, officer, self.now, **(fields | overrides))
        envelope = (signer or self.signer(officer)).sign(APPROVAL_TYPE, statement)
        event = Approval(at=self.now, request_id=request.request_id, officer=stands_as or officer, envelope=envelope)
        return self.append(subjects.approval(request.request_id, event.officer), event)

    # --- verdicts and posts ---------------------------------------------------------------------------------

    def verdict(self, request: Request, outcome: Outcome = Outcome.CLEARED, **overrides: Any) -> int:
        """Append a verdict by compare-and-set, decided at the newest control revision."""
        subject = subjects.verdict(request.request_id)
        fields = {
            "outcome": outcome,
            "posture": self.state().posture,
            "control_seq": self.last[subjects.CONTROL],
            "as_of": len(self.entries),
            "mirror": True if outcome is Outcome.CLEARED and self._is_mirrored(request) else None,
        }
        event = verdict_on(request, self.now, **(fields | overrides))
        return self.append(subject, event, expect_last=self.last.get(subject, 0))

    def delivery(self, request: Request, profile: str, **overrides: Any) -> int:
        """Append a delivery for the last verdict, as versions before 0.3 did."""
        fields = {
            "at": self.now,
            "request_id": request.request_id,
            "revision": request.revision,
            "profile": profile,
            "platform": self._platform(profile),
            "verdict_seq": self.last.get(subjects.verdict(request.request_id), 0),
            "control_seq": self.last[subjects.CONTROL],
            "rendering_sha256": self._rendering(request, profile),
            "expires_at": request.expires_at,
        }
        event = DeliveryEvent(**(fields | overrides))
        return self.append(f"ledger.delivery.{profile}.{request.request_id}", event)

    def attempt(self, request: Request, profile: str = FIRE, **overrides: Any) -> int:
        """Append an attempt, fenced on the control revision that it names."""
        subject = subjects.attempt(profile, request.request_id)
        fields = {
            "platform": self._platform(profile),
            "number": self._counts[subject] + 1,
            "verdict_seq": self.last.get(subjects.verdict(request.request_id), 0),
            "control_seq": self.last[subjects.CONTROL],
            "rendering_sha256": self._rendering(request, profile),
            "rule": self.rule,
        }
        event = attempt_on(request, profile, self.now, **(fields | overrides))
        return self.append(subject, event, fence=(subjects.CONTROL, event.control_seq))

    def receipt(
        self,
        request: Request,
        attempt_seq: int,
        profile: str = FIRE,
        outcome: ReceiptOutcome = ReceiptOutcome.DELIVERED,
        **overrides: Any,
    ) -> int:
        """Append how an attempt ended; delivered is final."""
        delivered = outcome is ReceiptOutcome.DELIVERED
        fields = {
            "revision": request.revision,
            "platform": self._platform(profile),
            "outcome": outcome,
            "final": delivered,
            "url": f"http://127.0.0.1/{profile}/{attempt_seq}" if delivered else None,
            "remote_id": f"{profile}-{attempt_seq}" if delivered else None,
            "worker": None if self.old else "worker-1",
        }
        event = receipt_on(request.request_id, profile, attempt_seq, self.now, **(fields | overrides))
        return self.append(subjects.receipt(profile, request.request_id), event)

    def lapsed(self, request: Request, attempt_seq: int, profile: str = FIRE, **more: Any) -> int:
        """Append the receipt that frees a profile whose attempt nobody heard of until its lease was over."""
        return self.receipt(request, attempt_seq, profile, ReceiptOutcome.LAPSED, **({"worker": "worker-2"} | more))

    def unconfirmed(self, request: Request, attempt_seq: int, profile: str = FIRE) -> int:
        """Append the final receipt of an attempt that nobody could find out about."""
        return self.receipt(request, attempt_seq, profile, ReceiptOutcome.UNCONFIRMED, final=True)

    def resolve(
        self,
        request: Request,
        decision: str,
        receipt_seq: int,
        officer: str = "pio",
        profile: str = FIRE,
        *,
        signer: Signer | None = None,
        stands_as: dict[str, Any] | None = None,
        fence: tuple[str, int] | None = None,
        **overrides: Any,
    ) -> int:
        """Append an officer's decision on an unconfirmed receipt, fenced on it."""
        url = "http://127.0.0.1/seen" if decision == "posted" else None
        fields = {"realm": self.city.realm, "revision": request.revision, "url": url} | overrides
        about, key = (request.request_id, profile, receipt_seq), signer or self.signer(officer)
        event = resolution_of(about, decision, officer, key, self.now, stands_as, **fields)
        fence = fence or (subjects.receipt(profile, request.request_id), receipt_seq)
        return self.append(subjects.resolution(profile, request.request_id), event, fence=fence)

    def notice(self, request_id: str, place: str = "", **changes: Any) -> int:
        """Append that officers were told of a request, under its subject or another's; return its sequence."""
        fields = {
            "at": self.now,
            "sent_at": self.now,
            "request_id": request_id,
            "since": self.now - timedelta(minutes=1),
            "step": "first",
            "to": ("pio@mission.example",),
            "waits": "an approval by the pio",
        }
        return self.append(subjects.notice(place or request_id), NoticeSent(**(fields | changes)))

    def outside(self, profile: str = FIRE, name: str = "a1b2c3d4e5f60718", **changes: Any) -> int:
        """Append a post that did not come through the gate; return its sequence."""
        fields = {
            "at": self.now,
            "outside": name,
            "profile": profile,
            "platform": "mastodon",
            "account": "@fire@townsquare",
            "remote_id": "114",
            "url": "http://127.0.0.1/@fire/114",
            "published_at": self.now - timedelta(minutes=3),
            "text": "All clear!",
            "record_sha256": canonical.sha256(b'{"id": "114"}'),
            "worker": "worker-1",
        }
        return self.append(subjects.outside(profile, name), OutsidePost(**(fields | changes)), expect_last=0)

    def acknowledge(
        self,
        seq: int,
        officer: str = "pio",
        profile: str = FIRE,
        name: str = "a1b2c3d4e5f60718",
        *,
        signer: Signer | None = None,
        fence: tuple[str, int] | None = None,
        **overrides: Any,
    ) -> int:
        """Append an officer's word on an outside post, fenced on it; return its sequence."""
        outer = {"outside": name, "profile": profile, "officer": officer}
        fields, key = {"realm": self.city.realm} | overrides, signer or self.signer(officer)
        event = acknowledgement_of((name, profile, seq), officer, key, self.now, outer, **fields)
        fence = fence or (subjects.outside(profile, name), seq)
        return self.append(subjects.acknowledgement(profile, name), event, fence=fence)

    def carry_out(self, request: Request, attempt_seq: int, resolution_seq: int, decision: str, **more: Any) -> int:
        """Append the receipt that carries a decision out."""
        outcome, final = {
            "posted": (ReceiptOutcome.DELIVERED, True),
            "give_up": (ReceiptOutcome.FAILED, True),
            "post_again": (ReceiptOutcome.WITHHELD, False),
        }[decision]
        url = "http://127.0.0.1/seen" if decision == "posted" else None
        said = {"final": final, "url": url, "remote_id": None, "resolution_seq": resolution_seq, "worker": None}
        return self.receipt(request, attempt_seq, **({"outcome": outcome} | said | more))

    def post(self, request: Request, *profiles: str) -> list[int]:
        """Deliver to profiles, all of the request's targets by default; return the attempts."""
        attempts = []
        for profile in profiles or request.targets:
            if self.old:
                self.delivery(request, profile)
            attempts.append(self.attempt(request, profile))
            self.receipt(request, attempts[-1], profile)
        return attempts

    # --- the second copy ------------------------------------------------------------------------------------

    def seal(self, *, signer: Signer | None = None, **overrides: Any) -> int:
        """Append a seal: the audit service's checkpoint over all entries so far."""
        tree = CompactRange()
        for entry in self.entries:
            tree.append(write_line(entry)[1])
        fields = {
            "realm": self.city.realm,
            "size": tree.size,
            "last_seq": tree.size,
            "root": tree.root().hex(),
            "at": self.now,
        }
        if not self.old:
            fields |= {"previous": FIRST, "alarms": 0, "alarms_head": FIRST}
        envelope = (signer or self.audit_signer()).sign(CHECKPOINT_TYPE, Checkpoint(**(fields | overrides)))
        return self.append(subjects.SEAL, Seal(at=self.now, checkpoint=envelope))

    def audit_signer(self) -> Signer:
        """Return the audit service's key."""
        return load_key(self.city.service_key_path("audit"))

    def write(self, *, every: int = 5) -> Path:
        """Write all entries as the audit service does, a checkpoint after each batch; return the folder."""
        with RecordWriter(self.city.audit_folder, self.city.realm, self.audit_signer()) as record:
            while record.size < len(self.entries):
                record.append(self.entries[record.size : record.size + every])
                record.seal(self.now)
        return self.city.audit_folder

    def _is_mirrored(self, request: Request) -> bool:
        """True when the website shows a message too: it goes elsewhere only."""
        return not self.old and not any(self._platform(name) == WEBSITE for name in request.targets)

    def _platform(self, profile: str) -> str:
        if profile == MIRROR:
            return WEBSITE
        known = self.state().profiles.get(profile)
        return known.platform if known else "mastodon"

    def _rendering(self, request: Request, profile: str) -> str:
        platform = self._platform(profile)
        return next((one.sha256 for one in request.renderings if one.platform == platform), "0" * 64)


def stranger() -> Signer:
    """Return a key that nobody knows."""
    return Signer(new_seed())


def story(builder: LedgerBuilder, *, sealed: bool = True, lapses: bool = True) -> LedgerBuilder:
    """Build a day: routine post, EOC, the PIO on all departments, stand-down; clean by all rules.

    As of version 0.3 an attempt lapses (unless the clock is not the builder's) and others are void on the way, and the
    website mirrors what goes elsewhere.
    """
    builder.genesis()
    routine = builder.request("r2a", (FIRE, WEB), author="fire-publisher")
    builder.approve(routine, "fire-publisher")
    builder.verdict(routine)
    builder.post(routine)
    held = builder.request("r3b", (FIRE,))
    builder.verdict(held, Outcome.BLOCKED)
    builder.activate()
    builder.verdict(held, Outcome.BLOCKED)
    update = builder.request("r4c", scope="all-departments", author="pio", crisis=True, severity="severe")
    builder.approve(update, "pio")
    builder.verdict(update)
    builder.post(update, *update.targets[:4])
    builder.approve(held, "cao")
    builder.verdict(held)
    builder.post(held)
    if not builder.old:
        builder.post(held, MIRROR)
    if not builder.old and lapses:
        _one_lapses(builder)
    builder.stand_down()
    if sealed:
        builder.seal()
    return builder


def _one_lapses(builder: LedgerBuilder) -> None:
    """Two others lose the race with an attempt, whose profile is then freed by a lapsed receipt."""
    slow, quick = builder.request("r5d", (WEB,)), builder.request("r6e", (WEB,))
    for request in (slow, quick):
        builder.approve(request, "pio")
        builder.verdict(request)
    first = builder.attempt(slow, WEB)
    builder.attempt(slow, WEB, worker="worker-2")
    builder.attempt(quick, WEB, worker="worker-2")
    builder.wait(17)
    builder.lapsed(slow, first, WEB)
    builder.post(quick)
    builder.receipt(slow, first, WEB, worker="worker-2")
