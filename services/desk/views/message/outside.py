"""How posts that did not come through the gate look to people and programs. Nobody of ours wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from schemas import unseen
from schemas.events.outside import OutsideView
from services.desk.views.hints import typed
from services.desk.views.layout import width
from services.desk.views.timetext import ago, local

_SHORT = 200


def as_json(view: OutsideView) -> dict[str, Any]:
    """Return an outside post for programs, as it was written; what was kept of it in base64."""
    return view.model_dump(mode="json", exclude_none=True)


def listed(console: Console, views: Sequence[OutsideView], now: datetime) -> None:
    """Show outside posts, a block for each: id, profile, when, the words, and the commands to type."""
    if not views:
        console.print("No posts from outside.")
        return
    for view in views:
        _head(console, view, now)
        words = " ".join(unseen.shown(view.post.text).split())
        lines = [words if len(words) <= _SHORT else words[: _SHORT - 1] + "…", unseen.shown(view.post.url or "")]
        for line in filter(None, (*lines, *_what_now(view, now))):
            console.print(Padding(Text(line), (0, 0, 0, 2)), width=width(console))


def whole(console: Console, view: OutsideView, now: datetime) -> None:
    """Show one outside post with all its words, and what was kept of it."""
    _head(console, view, now)
    post = view.post
    for line in unseen.shown(post.text).splitlines():
        console.print(Text(f"  {line}"), soft_wrap=True)
    facts = [
        f"account {post.account}, post {unseen.shown(post.remote_id)}",
        unseen.shown(post.url or "it has no address"),
        f"published {local(post.published_at, now)}, seen {local(post.at, now)}, ledger entry {view.seq}",
        f"record {post.record_sha256}" + ("" if view.record else " (not found)"),
        f"card {post.card_sha256 or 'could not be drawn'}"
        + ("" if view.card or not post.card_sha256 else " (not found)"),
    ]
    for line in (*facts, *_what_now(view, now)):
        console.print(Text(f"  {line}", style="dim"), soft_wrap=True)


def _head(console: Console, view: OutsideView, now: datetime) -> None:
    post = view.post
    style = "bold" if view.acknowledged_by else "bold red"
    when = f"published {ago((now - post.published_at).total_seconds())} ago"
    console.print(Text(f"{post.outside} on {post.profile} ({post.platform})", style=style), Text(when), soft_wrap=True)


def _what_now(view: OutsideView, now: datetime) -> list[str]:
    if view.acknowledged_by and view.acknowledged_at:
        when = local(view.acknowledged_at, now)
        return [f"acknowledged by {view.acknowledged_by}, {when}: {unseen.shown(view.reason or '')}"]
    name = view.post.outside
    return [typed(f"look at it, take it down there if it has to go, then: onevoice outside ack {name} --reason TEXT")]
