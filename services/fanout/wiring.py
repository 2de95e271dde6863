"""Composition of fanout: connectors, hosts, records, the work on verdicts, and what runs in the background."""

from __future__ import annotations

from collections.abc import Mapping

from schemas import streams, subjects
from schemas.events.inquiries import InquiriesQuery
from schemas.events.outside import Acknowledgement
from schemas.events.resolutions import Resolution
from schemas.events.verdicts import Verdict
from schemas.platforms import MIRROR, WEBSITE
from services.fanout.acknowledging import Acknowledging
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.registry import connectors
from services.fanout.connectors.website.connector import WebsiteConnector, WebsiteMirror
from services.fanout.connectors.x.costs import CallCosts
from services.fanout.delivery.admission import Admission
from services.fanout.delivery.caller import Caller
from services.fanout.delivery.conclusion import Conclusion
from services.fanout.delivery.credentials import Credentials
from services.fanout.delivery.destinations import Destinations
from services.fanout.delivery.judge import Judge
from services.fanout.delivery.later_looks import LaterLooks
from services.fanout.delivery.places import Places, declared_leads
from services.fanout.delivery.posting import Posting
from services.fanout.delivery.readback import ReadBack
from services.fanout.delivery.records import Records
from services.fanout.delivery.settler import Settler
from services.fanout.delivery.waits import Waits
from services.fanout.delivery.work import Work
from services.fanout.domain.limits import OTHER, limit_of
from services.fanout.domain.retry import USUAL_PACE, DeliveryPace
from services.fanout.domain.settings import ASK_SECONDS, FanoutSettings
from services.fanout.following.earlier import EarlierPosts
from services.fanout.handlers import FanoutHandlers
from services.fanout.hosts.credits import PrepaidCredit
from services.fanout.hosts.host import HostRegistry, Limits
from services.fanout.hosts.line import HostLine
from services.fanout.hosts.starts import Starts
from services.fanout.inquiring import Inquiring
from services.fanout.overlooked_decisions import OverlookedDecisions
from services.fanout.overlooked_verdicts import OverlookedVerdicts
from services.fanout.resolving import Resolving
from services.fanout.watching.budgets import budgets_of
from services.fanout.watching.checks import ProfileChecks
from services.fanout.watching.renewal import CredentialRenewal
from services.fanout.watching.watch import OutsideWatch
from services.kernel.base.settings.city_file import CheckSection, OutsideSection
from services.kernel.runtime.service import Runtime

VERDICTS_IN_HAND = 10_000
"""Verdicts that one copy works on at a time: what waits for a platform holds up nobody else's."""


def wire(runtime: Runtime) -> None:
    """Register the handlers, with the city's own platforms."""
    platforms = connectors(runtime.city, runtime.control.website)
    website = platforms.get(WEBSITE)
    if isinstance(website, WebsiteConnector):
        platforms[MIRROR] = WebsiteMirror(website)
        runtime.supervisor.supervise(website.keep_up)
    settings = runtime.city.settings
    leads = {"x": settings.x.lead} if settings.x.lead is not None else {}
    watching = (settings.outside, settings.check)
    work = compose(runtime, platforms, ask_seconds=settings.delivery.patience_seconds, leads=leads, watching=watching)
    look_for_overlooked(runtime, work)


def look_for_overlooked(runtime: Runtime, work: Work) -> None:
    """Take up what was taken out of the durables; a service that stops finishes that too."""
    pace = runtime.looks
    for overlooked in (OverlookedVerdicts(runtime, work, pace), OverlookedDecisions(runtime, pace)):
        runtime.supervisor.supervise(overlooked.run)
        runtime.supervisor.at_stop(overlooked.finish)


def compose(
    runtime: Runtime,
    platforms: Mapping[str, Connector],
    *,
    lease: float = streams.LEASE_SECONDS,
    ask_seconds: float = ASK_SECONDS,
    leads: Mapping[str, str] | None = None,
    watching: tuple[OutsideSection, CheckSection] | None = None,
    pace: DeliveryPace = USUAL_PACE,
    limits: Limits = limit_of,
) -> Work:
    """Register the handlers with given connectors; without ``watching`` no profile is watched or checked.

    The rest is as in FanoutSettings and Places.
    """
    settings, waits = FanoutSettings(lease, ask_seconds, pace), Waits(runtime.clock)
    hosts, records, caller = HostRegistry(runtime, limits), Records(runtime), Caller(runtime, runtime.ledger.get_media)
    places = Places(runtime, lease, declared_leads(leads or {}, platforms))
    destinations = Destinations(runtime, platforms, hosts)
    credit = PrepaidCredit(runtime, runtime.city.settings.x, CallCosts.of(runtime.city))
    admission = Admission(runtime, hosts, caller, Credentials(runtime), credit, pace)
    caller.on_reported = admission.on_reported
    earlier, starts = EarlierPosts(runtime), Starts()
    read_back = ReadBack(runtime, destinations, earlier, records, caller, starts, lease)
    conclusion = Conclusion(runtime, records, read_back)
    settler = Settler(runtime, destinations, earlier, caller, records, conclusion, settings)
    posting = Posting(
        runtime,
        places=places,
        destinations=destinations,
        judge=Judge(runtime),
        earlier=earlier,
        admission=admission,
        starts=starts,
        caller=caller,
        records=records,
        conclusion=conclusion,
        settler=settler,
        settings=settings,
    )
    work = Work(runtime, places, destinations, posting, settler, waits, HostLine(OTHER), pace.hold)
    _register(runtime, work, platforms)
    _report(runtime, waits, hosts, credit)
    _look_after(runtime, platforms, admission, credit)
    runtime.supervisor.supervise(read_back.run)
    runtime.supervisor.supervise(LaterLooks(runtime, places, destinations, settler, conclusion, starts, lease).run)
    if watching is not None:
        _watch(runtime, watching, destinations, caller, starts)
    runtime.supervisor.at_stop(work.release)
    return work


def _report(runtime: Runtime, waits: Waits, hosts: HostRegistry, credit: PrepaidCredit) -> None:
    """Say with the heartbeat what posts wait for, and what is left for them."""
    health = runtime.health
    health.waits, health.waiting = waits.shown, waits.count
    health.measures += [hosts.measures, credit.measures]
    health.budgets = lambda: budgets_of(runtime.control.profiles.values(), hosts, credit)


def _look_after(
    runtime: Runtime, platforms: Mapping[str, Connector], admission: Admission, credit: PrepaidCredit
) -> None:
    """Look after hosts that are shut, credentials, credit and quotas; let go of the connections in the end."""

    async def look_after_hosts() -> None:
        await admission.look_after_idle_hosts(platforms)

    runtime.projection.listen(admission.on_folded, "attempt")
    runtime.projection.listen(admission.on_receipt, "receipt")
    for upkeep in (look_after_hosts, admission.watch_credential_files, credit.take_up):
        runtime.supervisor.supervise(upkeep)
    for connector in platforms.values():
        runtime.supervisor.at_end(connector.close)


def _watch(
    runtime: Runtime,
    watching: tuple[OutsideSection, CheckSection],
    destinations: Destinations,
    caller: Caller,
    starts: Starts,
) -> None:
    """Look at the profiles: for posts that came from elsewhere, and whether each could be posted to."""
    outside, check = watching
    runtime.supervisor.supervise(OutsideWatch(runtime, destinations, starts, outside).run)
    renewal = CredentialRenewal(runtime.city, runtime.clock, runtime.log, destinations.of_platform)

    async def renew() -> None:
        await renewal.run(lambda: () if starts.under_way else runtime.control.profiles.values())

    runtime.supervisor.supervise(renew)
    checks = ProfileChecks(runtime, destinations, caller, starts, check, renewal.not_renewed)
    runtime.health.profiles = checks.troubles
    runtime.health.measures.append(checks.measures)
    runtime.supervisor.supervise(checks.run)


def _register(runtime: Runtime, work: Work, platforms: Mapping[str, Connector]) -> None:
    handlers, resolving, bus = FanoutHandlers(runtime, work), Resolving(runtime, work), runtime.bus
    title = "verdicts to bring to their profiles"
    bus.consume(streams.FANOUT_VERDICTS, Verdict.from_bytes, handlers.on_verdict, workers=VERDICTS_IN_HAND, title=title)
    title = "decisions on unconfirmed posts"
    bus.serve(subjects.DESK_DELIVERY_RESOLVE, Resolution.from_bytes, resolving.on_resolve, title=title)
    title = "outside posts that an officer has seen"
    acknowledging = Acknowledging(runtime)
    bus.serve(subjects.DESK_OUTSIDE_ACKNOWLEDGE, Acknowledgement.from_bytes, acknowledging.on_acknowledge, title=title)
    title = "questions what people ask in public"
    bus.serve(subjects.DESK_INQUIRIES, InquiriesQuery.from_bytes, Inquiring(runtime, platforms).on_query, title=title)
    title = "decisions to carry out"
    bus.consume(
        streams.FANOUT_RESOLUTIONS,
        Resolution.from_bytes,
        resolving.on_resolution,
        workers=VERDICTS_IN_HAND,
        title=title,
    )
