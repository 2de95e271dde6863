"""What the doctor makes of posts that are public although they were taken back. Pure."""

from __future__ import annotations

from schemas.events.desk import EocView
from services.desk.views.state.health import Level, Line


def late_posts(view: EocView) -> Line:
    """Judge the posts that are public although they were taken back, or were named as unknown at an activation."""
    found = view.late_posts
    if not found:
        return Line("late posts", Level.OK, "none is public that was taken back")
    said = [f"{one.request_id} on {one.profile} stands at {one.address}" for one in found]
    more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
    first = found[0]
    hint = f"onevoice show {first.request_id}; "
    hint += f"delete it on {first.profile}" if first.replaced_by else f"onevoice recall {first.request_id}"
    return Line("late posts", Level.WARN, "; ".join(said[:3]) + more, hint)
