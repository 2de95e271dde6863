"""Who may put a new revision in place of a request that waits, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from schemas.events.approvals import ApprovalStatement
from schemas.events.requests import Submission
from services.intake.domain.identity import identify
from services.intake.domain.revision import answer_repeat, check
from services.kernel.authority.statements import statement_on_record
from services.kernel.fold.state import RequestState, TargetState
from tests.unit.intake.world import NOW, approval, city, code_of, event, request


def waiting(**data: Any) -> RequestState:
    """A request of the clerk's that waits."""
    return RequestState(request(**data), 7, NOW)


def returned(by: str = "office") -> RequestState:
    """A request that an officer sent back."""
    state = waiting()
    signed = statement_on_record(approval(state.request, by, decision="return").envelope, ApprovalStatement)
    assert signed is not None
    state.rejections[by] = (8, signed)
    return state


def said(state: RequestState, **data: Any) -> Submission:
    """A submission that revises it."""
    more = {"revises": state.request_id, "revision": state.request.revision + 1, **data}
    return identify(event(**more), "clerk", "live").submission


def test_its_author_and_who_could_approve_it_may_revise_it() -> None:
    state = waiting()
    for name in ("clerk", "office", "mcpe", "fire-publisher"):
        check(said(state), state, name, city(), NOW)
    for name in ("designee", "cao"):
        assert code_of(check, said(state), state, name, city(), NOW) == "revision.right"


def test_who_returned_it_may_not_be_who_edits_it() -> None:
    state = returned()
    check(said(state), state, "clerk", city(), NOW)
    check(said(state), state, "mcpe", city(), NOW)
    assert code_of(check, said(state), state, "office", city(), NOW) == "revision.returned"
    later = RequestState(state.request, 9, NOW).behind(state)
    assert code_of(check, said(later), later, "office", city(), NOW) == "revision.returned"


def test_a_revision_is_the_next_one() -> None:
    state = waiting()
    assert code_of(check, said(state, revision=3), state, "clerk", city(), NOW) == "revision.stale"


def test_what_is_over_is_not_revised() -> None:
    state = waiting()
    gone = city(withdrawn={state.request_id: "too soon"})
    assert code_of(check, said(state), state, "clerk", gone, NOW) == "request.withdrawn"
    assert code_of(check, said(state), state, "clerk", city(), NOW + timedelta(days=2)) == "request.expired"
    state.targets["fire-mastodon"] = TargetState(effective=[9])
    assert code_of(check, said(state), state, "clerk", city(), NOW) == "request.already_cleared"


def test_a_revision_is_about_what_the_request_is_about() -> None:
    state = waiting()
    other = said(state, act="update", about="r1")
    assert code_of(check, other, state, "clerk", city(), NOW) == "revision.about"


def test_the_same_revision_again_gets_its_first_answer() -> None:
    """Also from a desk that never got the answer; other words are another revision."""
    state = waiting()
    identity = identify(event(revises=state.request_id, revision=2), "clerk", "live")
    assert answer_repeat(identity, state) is None
    known = state.request.model_copy(update={"revision": 2, "content_sha256": identity.content_sha256})
    reply = answer_repeat(identity, replace(state, request=known))
    assert reply is not None
    assert (reply.duplicate, reply.revision, reply.seq) == (True, 2, 7)
    other = identify(event(revises=state.request_id, revision=2, text="Other words."), "clerk", "live")
    assert answer_repeat(other, replace(state, request=known)) is None
