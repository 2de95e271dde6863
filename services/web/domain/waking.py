"""Which devices are woken, and for what: at once, once more, and not again for the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from schemas.events.desk import OfficerView, RequestView
from services.web.domain.sign_in import passkey_of

AGAIN_AFTER = timedelta(minutes=10)


def key_of_wait(view: RequestView) -> str:
    """Return what is noted when a device was told of a wait: the request, and the entry since which it waits."""
    newest = max([view.verdict_seq or 0, *(one.receipt_seq for one in view.deliveries if one.outcome == "unconfirmed")])
    return f"{view.request.request_id}.{newest}"


def due(waiting: Iterable[RequestView], told: Mapping[str, datetime], now: datetime) -> list[RequestView]:
    """Return what a device is to be told of now: what is new to it, and once more what still waits after a while."""
    found = []
    for view in waiting:
        first = told.get(key_of_wait(view))
        again = told.get(f"{key_of_wait(view)}.again")
        if first is None or (again is None and now - first >= AGAIN_AFTER):
            found.append(view)
    return found


def noted(
    waiting: Iterable[RequestView], sent: Iterable[RequestView], told: Mapping[str, datetime], now: datetime
) -> dict[str, datetime]:
    """Return what a device was told, with what was just sent, and without what waits no more."""
    keys = {key_of_wait(view) for view in waiting}
    kept = {name: at for name, at in told.items() if name.removesuffix(".again") in keys}
    for view in sent:
        name = key_of_wait(view)
        kept[f"{name}.again" if name in kept else name] = now
    return kept


def may_be_woken(officer: str, credential: str, officers: Mapping[str, OfficerView]) -> bool:
    """True while the officer and the passkey of the session that asked for it count."""
    return passkey_of(officers.get(officer), credential) is not None
