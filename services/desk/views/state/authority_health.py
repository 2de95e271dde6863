"""What the doctor says of the city's authority: its end, its threshold, who could replace a lost key. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas.events.authority import Role
from schemas.events.desk import AuthorityView, OfficerView
from schemas.roles import EOC_APPROVERS
from services.desk.views.state.health import EXPIRY_STEPS, Level, Line
from services.desk.views.timetext import ago

_RENEW = "have the root keys renew it: onevoice root renew FILE"


def lines(view: AuthorityView, officers: tuple[OfficerView, ...], now: datetime) -> list[Line]:
    """Judge the root's end (30, 7 and 1 days ahead), the threshold, what waits, and who has a role and no key."""
    return [_end(view, now), _threshold(view, officers), _waiting(view), _keyless(view, officers)]


def _end(view: AuthorityView, now: datetime) -> Line:
    if view.expires_at is None:
        return Line("authority", Level.WARN, f"version {view.version} never ends", _RENEW)
    left = view.expires_at - now
    if left <= timedelta(0):
        said = f"version {view.version} EXPIRED {ago(left.total_seconds())} ago: nobody can get a role or a key"
        return Line("authority", Level.FAIL, said, _RENEW)
    step = min((step for step in EXPIRY_STEPS if left <= step), default=None)
    said = f"version {view.version} ends in {ago(left.total_seconds())}"
    if step is None:
        return Line("authority", Level.OK, said)
    return Line("authority", Level.WARN, f"{said} (within {step.days} days)", _RENEW)


def _threshold(view: AuthorityView, officers: tuple[OfficerView, ...]) -> Line:
    able = [one.officer.id for one in officers if any(grant.role in EOC_APPROVERS for grant in one.grants_now)]
    if view.threshold < 2:
        hint = "onevoice root renew FILE --threshold 2"
        return Line("changes of power", Level.WARN, "ONE key alone can take the city", hint)
    said = f"take {view.threshold} of {', '.join(able) or 'nobody'}"
    if len(able) <= view.threshold:
        hint = "give one more person cao, mcpe, pio or eoc_director"
        return Line("changes of power", Level.WARN, f"{said}: if one key is lost, it cannot be replaced", hint)
    if len(able) == view.threshold + 1:
        said += f"; revoking one of them takes {view.threshold} as well"
    return Line("changes of power", Level.OK, said)


def _waiting(view: AuthorityView) -> Line:
    count = len(view.proposals)
    if not count:
        return Line("proposals", Level.OK, "none waits")
    hint = "onevoice officers proposals; if you do not know of it, a key may be stolen"
    return Line("proposals", Level.WARN, f"{count} wait{'s' if count == 1 else ''} for a second officer", hint)


def _keyless(view: AuthorityView, officers: tuple[OfficerView, ...]) -> Line:
    """Name who holds a role and can sign nothing: no key of the desk, and no passkey that the role lets count."""
    demanding = frozenset(view.settings.device_bound_roles or ())
    without = [one.officer.id for one in officers if one.grants_now and not one.revoked and not _signs(one, demanding)]
    if not without:
        return Line("officers' keys", Level.OK, "whoever holds a role can sign")
    hint = f"onevoice passkeys link {without[0]}"
    said = f"{', '.join(without)} can sign nothing: no key, and no passkey that counts for the role"
    return Line("officers' keys", Level.WARN, said, hint)


def _signs(view: OfficerView, demanding: frozenset[Role]) -> bool:
    bound = not demanding.isdisjoint(grant.role for grant in view.grants_now)
    passkeys = view.officer.passkeys or ()
    return view.officer.public_key is not None or any(one.device_bound or not bound for one in passkeys)
