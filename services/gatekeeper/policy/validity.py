"""How long a decision stands without a new fact: approvals, roles and requests end by themselves."""

from __future__ import annotations

from datetime import datetime

from schemas.events.envelope import CLOCK_SKEW
from services.gatekeeper.policy.approvals import Weighed, Weight, open_statement
from services.gatekeeper.policy.authority import ALL_PROFILES, FOREVER, role_until
from services.gatekeeper.policy.clauses import c2_iv, setting_second_approver
from services.gatekeeper.policy.facts import Facts


def valid_until(facts: Facts, weighed: Weighed) -> datetime:
    """Return when (exclusive) what cleared a request is no longer whole: the earliest end of what is needed.

    Where several approvals would each do, the one that lasts longest is what counts. An approval ends with its
    own expiry or with the role behind it. Only for facts that are cleared.
    """
    ends = [facts.request.expires_at, max(map(_end, weighed.counting))]
    if c2_iv.reaches_all(facts):
        ends.append(max(map(_end_as_leader, c2_iv.leaders(weighed))))
    if setting_second_approver.applies(facts):
        people = setting_second_approver.different_people(weighed)
        ends.append(sorted(map(_end, people), reverse=True)[1])
    return min(ends)


def _end(weight: Weight) -> datetime:
    return weight.until or weight.statement.expires_at


def _end_as_leader(weight: Weight) -> datetime:
    return min(weight.statement.expires_at, role_until(weight.grants, ALL_PROFILES) or FOREVER)


def look_again(facts: Facts) -> datetime | None:
    """Return the next time at which the decision may change with no new fact, or None when it cannot.

    These are the ends of the request, of the approvals on record and of the grants of who is concerned, and the
    beginnings of what is dated ahead. Deciding again at that time is always right, if sometimes not needed.
    """
    return min((time for time in _times(facts) if time > facts.now), default=None)


def changed_last(facts: Facts) -> datetime | None:
    """Return the newest time that has come at which the decision may have changed with no new fact, or None.

    By a clock that is ahead it has not come yet: whoever decides asks for that.
    """
    return max((time for time in _times(facts) if time <= facts.now), default=None)


def _times(facts: Facts) -> list[datetime]:
    times = [facts.request.expires_at, facts.request.not_before or facts.request.expires_at]
    people = {facts.request.author}
    for fact in facts.approvals:
        people.add(fact.approval.officer)
        statement = open_statement(fact.approval.envelope).statement
        if statement is not None:
            times += [statement.expires_at, statement.issued_at - CLOCK_SKEW]
    for name in people & facts.control.officers.keys():
        for grant in facts.control.officers[name].grants:
            times += [time for time in (grant.valid_from, grant.valid_until) if time is not None]
    return times
