"""What stands of a message on a Mastodon server, as a connector answers it."""

from __future__ import annotations

from collections.abc import Sequence

from services.fanout.connectors.calls.http import Answer, Outcome
from services.fanout.connectors.chains import Status
from services.fanout.connectors.contract import Posted
from services.fanout.connectors.mastodon.ids import id_of
from services.fanout.domain.addresses import own_address


def addressed(existing: Sequence[Status], base: str) -> list[tuple[str, str]]:
    """Return ids and addresses; an address that is not the server's own is left out."""
    return [(status.id, own_address(status.url, base)) for status in existing]


def posted(stands: Sequence[tuple[str, str]], note: str = "") -> Posted:
    """Return what is there, by the ids and addresses of its parts."""
    return Posted(url=stands[0][1], remote_id=",".join(one for one, _ in stands), note=note)


def is_deleted(outcome: Outcome) -> bool:
    """Say whether an answer is the deleted Status, or has no body by its status; a page that says 200 is none."""
    if not isinstance(outcome, Answer) or outcome.status == 204:
        return isinstance(outcome, Answer)
    shown = outcome.body if isinstance(outcome.body, dict) else {}
    return outcome.status in (200, 202) and bool(id_of(shown.get("id")))
