"""Clause following: what corrects, recalls or adds is what was signed; what is replaced is not posted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.events.requests import PlatformContent, Rendering, Request, digest_of
from services.gatekeeper.policy.clauses import following
from services.gatekeeper.policy.decide import decide
from tests.unit.gatekeeper.policy_city import PolicyCity, one


def about(request: Request, act: str, earlier: str, **fields: str) -> Request:
    """Return a request whose renderings say that it does something to an earlier one."""
    contents = (one.content().model_copy(update={"act": act, "about": earlier}) for one in request.renderings)
    renderings = tuple(Rendering.of(PlatformContent.model_validate(one.model_dump())) for one in contents)
    digest = digest_of(request.request_id, request.revision, renderings)
    return request.model_copy(update={"renderings": renderings, "digest": digest, **fields})


@pytest.mark.parametrize(("act", "field"), [("correct", "replaces"), ("recall", "replaces"), ("update", "follows")])
def test_what_is_signed_as_a_follow_up_is_cleared(act: str, field: str) -> None:
    """The request says of what it comes after what each of its renderings says."""
    city = PolicyCity()
    request = about(city.request(), act, "r1", **{field: "r1"})
    city.approve(request, "mcpe")
    assert city.decide(request).outcome == "cleared"


@pytest.mark.parametrize(
    ("act", "fields"),
    [
        ("correct", {}),
        ("correct", {"replaces": "r2"}),
        ("correct", {"follows": "r1"}),
        ("update", {"replaces": "r1"}),
        ("update", {"replaces": "r1", "follows": "r1"}),
    ],
)
def test_what_follows_another_than_was_signed_is_refused(act: str, fields: dict[str, str]) -> None:
    """The fields beside the signed bytes decide the order of the chain, so they must not say something else."""
    city = PolicyCity()
    request = about(city.request(), act, "r1", **fields)
    city.approve(request, "mcpe")
    assert "not what the request says" in one(city.decide(request), following.CLAUSE, "refused")


def test_a_request_that_says_nothing_follows_nothing() -> None:
    """Its renderings are those of a message of its own, and the field claims a correction."""
    city = PolicyCity()
    request = city.request().model_copy(update={"replaces": "r1"})
    city.approve(request, "mcpe")
    assert city.decide(request).outcome == "refused"


def test_what_was_replaced_is_refused_with_the_name_of_what_goes_out_instead() -> None:
    """Approved or not: its correction is cleared."""
    city = PolicyCity()
    request = city.request()
    city.approve(request, "mcpe")
    decision = decide(replace(city.facts(request), replaced_by="r2"))
    assert "r2 corrects or recalls it" in one(decision, following.CLAUSE, "refused")


def test_only_the_first_correction_of_a_request_is_cleared() -> None:
    """The second one is told which to correct instead."""
    city = PolicyCity()
    request = about(city.request(), "correct", "r1", replaces="r1")
    city.approve(request, "mcpe")
    decision = decide(replace(city.facts(request), rival="r2"))
    assert "r1 was corrected or recalled by r2 already" in one(decision, following.CLAUSE, "refused")
