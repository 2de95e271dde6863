"""What the doctor makes of what was found. Pure: facts in, lines out; the time is an argument."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from schemas import flow
from schemas.events.audit import LedgerIntegrity
from schemas.events.desk import EocView, OfficerView, RequestView, ServiceHealth
from schemas.events.outside import OutsideView
from services.desk.city.last_verified import LastVerified
from services.desk.views.message import unconfirmed
from services.desk.views.message.outcome import expiry_of
from services.desk.views.state.profile_findings import ProfileCheck
from services.desk.views.timetext import ago, in_city_time, local
from services.kernel.base.errors import Exit
from services.kernel.measures.city_measures import token_end

VERIFY_WARN = timedelta(hours=26)
EXPIRY_STEPS = (timedelta(days=30), timedelta(days=7), timedelta(days=1))
LAG_WARN, LAG_FAIL = 50, 1_000
"""Ledger entries that the second copy may lack before it is worth a word."""


class Level(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Line:
    """One check: ``unreachable`` marks failures that are the broker's or a service's absence, ``unproven`` a ledger
    that lost or changed what it had.
    """

    check: str
    level: Level
    detail: str
    hint: str = ""
    unreachable: bool = False
    unproven: bool = False


def unconfirmed_posts(views: Iterable[RequestView]) -> Line:
    """Judge the posts that a person has to look at: of unknown outcome, vanished, or changed on the platform."""
    found = [(view.request.request_id, item) for view in views for item in unconfirmed.of(view)]
    if not found:
        return Line("posts", Level.OK, "none vanished, was changed, or is of unknown outcome")
    said = [f"{request_id} on {item.profile}: {in_city_time(item.reason)}" for request_id, item in found]
    more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
    first = found[0][0]
    hint = f"look at the profile, then: onevoice status {first}"
    return Line("posts", Level.WARN, "; ".join(said[:3]) + more, hint)


def watched_profiles(beats: Iterable[ServiceHealth]) -> Line:
    """Judge what the scheduled check found: profiles that cannot be posted to, credentials that end, poor pages."""
    found = {one.profile: one for beat in beats for one in beat.profiles or ()}
    if not found:
        return Line(
            "profile checks", Level.OK, "no profile was refused, no credential ends soon, no page lacks anything"
        )
    said = [f"{name}: {in_city_time(one.reason)}" for name, one in sorted(found.items())]
    more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
    hint = "onevoice profiles check; onevoice profiles connect"
    return Line("profile checks", Level.WARN, "; ".join(said[:3]) + more, hint)


def outside_posts(views: Sequence[OutsideView]) -> Line:
    """Judge the posts on official profiles that did not come through the gate, and that no officer has acknowledged."""
    if not views:
        return Line("outside posts", Level.OK, "none, as far as the profiles are watched")
    first = views[0].post
    detail = f"{len(views)} did not come through the gate, the first {first.outside} on {first.profile}"
    return Line("outside posts", Level.WARN, detail, f"onevoice outside show {first.outside}; onevoice outside ack")


def profiles(found: list[ProfileCheck]) -> Line:
    """Judge the official profiles: each must have its statements and its credential."""
    bad = [one.id for one in found if not one.ok]
    if not bad:
        return Line("profiles", Level.OK, f"{len(found)} official ones, none lacks anything")
    shown = ", ".join(bad[:3]) + (" ..." if len(bad) > 3 else "")
    detail = f"{len(bad)} of {len(found)} cannot be posted to: {shown}"
    return Line("profiles", Level.WARN, detail, "onevoice profiles check says what each lacks")


def exit_status(lines: Iterable[Line]) -> Exit:
    """Return 7 when the ledger contradicts its copy, 6 when something does not answer, 2 when something else has to be
    mended, else 0.
    """
    failed = [line for line in lines if line.level is Level.FAIL]
    if any(line.unproven for line in failed):
        return Exit.UNPROVEN
    if any(line.unreachable for line in failed):
        return Exit.UNREACHABLE
    return Exit.USAGE if failed else Exit.DONE


def services(view: EocView) -> list[Line]:
    """Judge the heartbeats: each service is alive, has no trouble, and is not behind the control revision."""
    return [
        _service(row.user, [beat for beat in view.services if beat.service.replace("_", "-") == row.user], view)
        for row in flow.SERVICES
    ]


def _service(user: str, beats: list[ServiceHealth], view: EocView) -> Line:
    name = f"service {user}"
    if not beats:
        hint = f"onevoice run {user}, or restart onevoice up; its log says why it stopped"
        return Line(name, Level.FAIL, "no sign of life in the last seconds", hint, unreachable=True)
    troubled = [beat.trouble for beat in beats if beat.trouble]
    if troubled:
        return Line(name, Level.WARN, f"says: {in_city_time(troubled[0])}", _hint(troubled[0]))
    copies = f"{len(beats)} running, version {', '.join(sorted({beat.version for beat in beats}))}"
    behind = [beat for beat in beats if beat.control_seq < view.control_seq]
    if behind:
        detail = f"{copies}; at control revision {behind[0].control_seq} of {view.control_seq}"
        return Line(name, Level.WARN, detail, "wait a moment and look again; if it stays, restart it")
    return Line(name, Level.OK, f"{copies}, at control revision {view.control_seq}")


def alarms(beats: Iterable[ServiceHealth]) -> list[str]:
    """Return what services noticed that no service of ours does, each with who says it."""
    return [f"{beat.service.replace('_', '-')}: {beat.trouble}" for beat in beats if _is_alarm(beat.trouble or "")]


def _is_alarm(trouble: str) -> bool:
    """Tell an alarm by its words (services.kernel.runtime.health): they are for people, and stand in no contract."""
    return " alarm" in trouble or " void" in trouble or "CONTRADICTS" in trouble


def _hint(trouble: str) -> str:
    if _is_alarm(trouble):
        return "somebody may have a service's key: onevoice audit verify names each entry; docs/keys.md replaces a key"
    if "maximum bytes exceeded" in trouble:
        return "raise store_gb under [nats] in city.toml, then onevoice provision: nothing on record is taken away"
    if "the broker stores nothing" in trouble:
        return "see that its disk has room, then restart the broker (onevoice up does that by itself)"
    if "the store nears its limit" in trouble:
        return "make room on that disk or give it a larger one: docs/monitoring.md; nothing on record is taken away"
    return "its log says more; if it stays, restart it"


def verified(found: LastVerified | None, now: datetime, began: datetime | None = None) -> Line:
    """Judge the last verification of the whole record, which a timer makes (``onevoice audit verify --witness``).

    ``began``: the time of the record's first entry.
    """
    name, again = "record", "onevoice audit verify --witness"
    if found is None:
        said = "was not verified by the timer yet"
        late = began is not None and now - began > VERIFY_WARN
        return Line(name, Level.WARN, said, f"does its timer run? {again}") if late else Line(name, Level.OK, said)
    when = f"{ago((now - found.at).total_seconds())} ago"
    if not found.ok:
        detail = (
            f"did NOT verify {when}: {found.violations} violations, at {found.first_seq}: {in_city_time(found.first)}"
        )
        return Line(name, Level.FAIL, detail, "onevoice audit verify", unproven=True)
    if found.troubles:
        return Line(name, Level.WARN, f"verified {when}; {in_city_time(found.troubles[0])}", again)
    if now - found.at > VERIFY_WARN:
        return Line(name, Level.WARN, f"was last verified {when}", f"does its timer run? {again}")
    return Line(name, Level.OK, f"verified {when}, {found.events} entries up to {found.last_seq}")


def waits(beats: tuple[ServiceHealth, ...]) -> Line:
    """Say how many posts wait for a platform, its quota or a credential, and what the most urgent ones wait for."""
    found = [wait for beat in beats for wait in beat.waits]
    if not found:
        return Line("waiting posts", Level.OK, "none")
    first = found[0]
    beside = f" and {first.posts - 1} more profiles" if first.posts > 1 else ""
    count = sum(beat.posts_waiting for beat in beats)
    detail = f"{count}, first {first.request_id} on {first.profile}{beside}: {in_city_time(first.reason)}"
    detail += f", until {local(first.until, first.until)}"
    return Line("waiting posts", Level.WARN, detail, "onevoice pending says what each waits for")


def expiries(officers: tuple[OfficerView, ...], now: datetime) -> list[Line]:
    """Say which officers' roles end within 30, 7 and 1 days."""
    lines = []
    for view in officers:
        left = expiry_of(view) - now
        step = min((step for step in EXPIRY_STEPS if left <= step), default=None)
        if step is None:
            continue
        roles = ", ".join(grant.role.value for grant in view.grants_now if grant.valid_until == expiry_of(view))
        hint = f"onevoice officers designate {view.officer.id} --role ROLE --until TIME --as mcpe"
        detail = f"{roles} ends in {ago(left.total_seconds())} (within {step.days} days)"
        lines.append(Line(f"officer {view.officer.id}", Level.WARN, detail, hint))
    return lines or [Line("officers' roles", Level.OK, "none ends within 30 days")]


_NEW_CERTIFICATE = "onevoice tls in the folder of its authority makes a new one; then reload the broker"


def certificate(server: str, end: datetime, now: datetime, hint: str = _NEW_CERTIFICATE) -> Line:
    """Say within 30, 7 and 1 days that a certificate ends: from then on nobody can connect."""
    left = end - now
    step = min((step for step in EXPIRY_STEPS if left <= step), default=None)
    if step is None:
        return Line("certificate", Level.OK, f"of {server}: good until {end:%Y-%m-%d}")
    detail = f"of {server}: ends in {ago(left.total_seconds())} (within {step.days} days)"
    return Line("certificate", Level.WARN, detail, hint)


def tokens(ends: Mapping[str, date], noted: Mapping[str, datetime], now: datetime) -> list[Line]:
    """Say within 30, 7 and 1 days that a profile's token ends, by the day that city.toml names (``token_ends``), or by
    what ``profiles connect`` or a renewal noted.
    """
    known = {name: token_end(day) for name, day in ends.items()}
    known |= {name: min(end, known.get(name, end)) for name, end in noted.items()}
    lines = []
    for profile, end in sorted(known.items()):
        step = min((step for step in EXPIRY_STEPS if end - now <= step), default=None)
        if step is None:
            continue
        more = f"; then change token_ends.{profile} in city.toml" if profile in ends else ""
        name, hint = f"token {profile}", f"onevoice profiles connect gets a new one{more}"
        if end <= now:
            lines.append(Line(name, Level.FAIL, f"ended on {end - timedelta(microseconds=1):%Y-%m-%d}", hint))
        else:
            said = f"ends in {ago((end - now).total_seconds())} (within {step.days} days)"
            lines.append(Line(name, Level.WARN, said, hint))
    said = f"{len(known)} known to end, none within 30 days" if known else "none is known to end"
    return lines or [Line("tokens", Level.OK, said)]


def copy_lag(newest: int, copied: int) -> Line:
    """Judge how far the second copy of the record is behind."""
    lag = max(newest - copied, 0)
    detail = f"{lag} entries behind the ledger ({copied} of {newest})" if lag else f"complete up to {copied}"
    if lag >= LAG_FAIL or (copied == 0 and newest > LAG_WARN):
        return Line("audit copy", Level.FAIL, detail, "onevoice run audit; look at its log and the disk")
    if lag >= LAG_WARN:
        return Line("audit copy", Level.WARN, detail, "look again in a moment; if it grows, restart audit")
    return Line("audit copy", Level.OK, detail)


def integrity(found: LedgerIntegrity, now: datetime) -> Line:
    """Judge whether the ledger agrees with its second copy, and say how much of it was compared, and when."""
    looked = f"{found.compared} of {found.entries} entries compared"
    if found.finished_at is not None:
        looked += f", {ago(max(0.0, (now - found.finished_at).total_seconds()))} ago"
    if found.standing == "contradicted":
        places = f"; {found.differences} places differ" if found.differences > 1 else ""
        hint = "nothing is posted; stop the city, then: onevoice audit restore --into-new-store"
        detail = f"CONTRADICTS its copy, first at {found.first_seq}: {found.message} ({looked}{places})"
        return Line("ledger against copy", Level.FAIL, detail, hint, unproven=True)
    if found.standing == "comparing":
        hint = "look again in a moment: a long ledger takes minutes"
        return Line("ledger against copy", Level.WARN, f"nothing differs so far: {looked}", hint)
    return Line("ledger against copy", Level.OK, f"the same: {looked}")


def modes(name: str, loose: list[str], missing: list[str], count: int) -> Line:
    """Judge secret files: none may be readable by others."""
    shown = ", ".join((loose or missing)[:3]) + (" ..." if len(loose or missing) > 3 else "")
    if loose:
        what = f"600 {shlex.quote(loose[0])}" if len(loose) == 1 else f"-R go= {loose[0].partition('/')[0]}"
        return Line(name, Level.FAIL, f"readable by others: {shown}", f"chmod {what} there; if in doubt, replace them")
    if missing:
        return Line(name, Level.WARN, f"missing: {shown}", "put them there, mode 0600; or --city names another folder")
    return Line(name, Level.OK, f"{count} files, none readable by others")


def realms(shared: list[tuple[str, str, str]]) -> Line:
    """Judge the wall between the realms: nothing of one is in the other."""
    if not shared:
        return Line("wall between realms", Level.OK, "no account and no credential is in both")
    message, hint, _ = shared[0]
    more = f" (and {len(shared) - 1} more)" if len(shared) > 1 else ""
    return Line("wall between realms", Level.FAIL, f"{message}{more}", hint)


def dead_letters(count: int) -> Line:
    """Judge the messages that a service could not handle and nobody has closed."""
    if count == 0:
        return Line("dead letters", Level.OK, "none is open")
    said = "1 message could not be handled" if count == 1 else f"{count} messages could not be handled"
    return Line("dead letters", Level.WARN, f"{said}; a person has to look", "onevoice dead list")
