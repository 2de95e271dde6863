"""What is told to all who listen, by core NATS: the posture after each change, and how far the board has told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.events.base import Contract, Id, Utc
from schemas.events.control import Posture, UnknownPost


class ProfileTrouble(Contract):
    """What keeps a profile from being posted to, or soon will, and since when; found without posting."""

    profile: Id
    reason: Annotated[str, StringConstraints(max_length=400)]
    since: Utc


class ProfileBudget(Contract):
    """What is left for a profile's posts: in per cent of its platform's limit, by the platform's own word; and of the
    month's prepaid credit in cents (USD), as the city counts it. None: nobody says.
    """

    profile: Id
    quota_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    credit_cents: Annotated[int, Field(ge=0)] | None = None


class BoardBeat(Contract):
    """``board.beat.now``: once a second, the newest sequence that the board has told; who missed some asks for it."""

    at: Utc
    seq: int
    control_seq: int


class LatePost(Contract):
    """A post that is public although it was taken back, or that was named as unknown: a person has to look.

    ``address`` is where it stands: its URL, or the platform's id of it. ``attempted_at`` is when its attempt was
    stored. ``replaced_by``: the correction or recall of it, which was cleared before it was found and has not taken
    it off since: only a person can.
    """

    profile: Id
    request_id: Id
    attempt_seq: int
    address: str
    attempted_at: Utc
    replaced_by: Id | None = None


class EocBroadcast(Contract):
    """``eoc.state``: broadcast by eoc_state after each control change, to services and watching people.

    ``unknown``: while the EOC is active, the posts that may land, or may have landed, without its approval.
    ``late_posts``: those of them that are public, and what else is although it was taken back.
    """

    type: Literal["eoc_state"] = "eoc_state"
    at: Utc
    posture: Posture
    level: int | None = None
    incident: str | None = None
    control_seq: int
    hold: bool
    in_flight: Annotated[int, Field(ge=0)] = 0
    unknown: tuple[UnknownPost, ...] = ()
    late_posts: tuple[LatePost, ...] = ()
