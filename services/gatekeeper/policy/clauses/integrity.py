"""Request integrity: the request is of this realm, and its digest covers exactly what would be posted."""

from __future__ import annotations

from functools import lru_cache

from schemas import canonical, unseen
from schemas.events.requests import Rendering, Request, content_of, digest_of
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import blocked, refused
from services.gatekeeper.policy.wording import both

CLAUSE = "request integrity"


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Refuse a request that is not what it says it is; block where a profile's platform has no rendering."""
    request = facts.request
    if request.realm != facts.control.realm:
        return refused(
            CLAUSE,
            f"The request is of the realm {request.realm}, and this is {facts.control.realm}: nothing crosses over.",
        )
    if len(set(request.targets)) != len(request.targets):
        return refused(CLAUSE, "The request names a profile twice; submit it again with each profile once.")
    if not _digest_holds(request):
        return refused(
            CLAUSE,
            "The renderings are not what the request states (another hash or platform), so no approval can cover "
            "them; submit it again.",
        )
    if hidden := _unseen(request):
        return refused(
            CLAUSE,
            f"The renderings hold what no approver can see ({hidden}), so nobody can have approved them; "
            "submit it again without.",
        )
    return _platforms(facts)


def _unseen(request: Request) -> str:
    """Return the characters of the renderings that a screen does not show, in words; empty when there are none."""
    return unseen.named(tuple(dict.fromkeys(one for item in request.renderings for one in _unseen_in(item.body))))


@lru_cache(maxsize=256)
def _unseen_in(body: str) -> tuple[str, ...]:
    return tuple(one for text in content_of(body).texts for one in unseen.in_text(text))


def _digest_holds(request: Request) -> bool:
    frozen = tuple((rendering.platform, rendering.sha256) for rendering in request.renderings)
    return all(
        _identity(rendering.body) == (rendering.sha256, rendering.platform) for rendering in request.renderings
    ) and _covers(request.request_id, request.revision, frozen, request.digest)


@lru_cache(maxsize=4_096)
def _covers(request_id: str, revision: int, frozen: tuple[tuple[str, str], ...], digest: str) -> bool:
    """True when a digest is that of these hashes, one for each platform."""
    renderings = tuple(Rendering(platform=platform, body="", sha256=sha256) for platform, sha256 in frozen)
    return len(dict(frozen)) == len(frozen) and digest_of(request_id, revision, renderings) == digest


@lru_cache(maxsize=256)
def _identity(body: str) -> tuple[str, str]:
    """Return the hash of a rendering's bytes and the platform that they are for ("" when they cannot be read)."""
    raw = body.encode()
    try:
        platform = content_of(body).platform
    except ValueError:
        platform = ""
    return canonical.sha256(raw), platform


def _platforms(facts: Facts) -> Finding | None:
    rendered = {rendering.platform for rendering in facts.request.renderings}
    profiles = facts.control.profiles
    bare = [t for t in facts.open_targets if t in profiles and profiles[t].platform not in rendered]
    if not bare:
        return None
    return blocked(
        CLAUSE,
        f"There is no rendering for the platform of {both(bare)}, so nobody approved what it would say there; "
        "submit the request again.",
    )
