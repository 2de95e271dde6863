"""Whether the bytes that would be posted are those of the request, and the request's those of its digest."""

from __future__ import annotations

from collections.abc import Iterator

from schemas import canonical
from schemas.events.requests import PlatformContent, Rendering, Request, digest_of
from schemas.platforms import MIRROR, WEBSITE
from services.kernel.authority.post_authorization.facts import PostFacts, PostViolation
from services.kernel.authority.visible import unseen_in
from services.kernel.base.remember import by_identity


def content_violations(facts: PostFacts) -> Iterator[PostViolation]:
    """Yield what is wrong with the bytes."""
    yield from _bytes(facts.request)
    profile = facts.control.profiles.get(facts.profile_id)
    if facts.profile_id == MIRROR:
        yield from _rendering(facts, WEBSITE)
    elif profile is not None:
        yield from _rendering(facts, profile.platform)


@by_identity(256)
def _bytes(request: Request) -> tuple[PostViolation, ...]:
    """Check a request's renderings against their hashes, and these against the digest; remembered per request."""
    found: list[PostViolation] = []
    platforms = [rendering.platform for rendering in request.renderings]
    if len(set(platforms)) != len(platforms):
        found.append(PostViolation("warrant.renderings_twice", "The request has two renderings for one platform."))
    for one in request.renderings:
        if canonical.sha256(one.body.encode()) != one.sha256:
            message = f"The {one.platform} rendering's bytes do not match their hash."
            found.append(PostViolation("warrant.body_hash", message))
    if digest_of(request.request_id, request.revision, request.renderings) != request.digest:
        found.append(PostViolation("warrant.digest", "The request's digest is not that of its renderings."))
    return tuple(found)


def _rendering(facts: PostFacts, platform: str) -> Iterator[PostViolation]:
    rendering = rendering_for(facts.request, platform)
    if rendering is None:
        yield PostViolation("warrant.no_rendering", f"The request has no rendering for {platform}.")
        return
    if rendering.sha256 != facts.rendering_sha256:
        yield PostViolation("warrant.other_bytes", f"What would be posted is not the request's {platform} rendering.")
    yield from _content_of(rendering)


@by_identity(512)
def _content_of(rendering: Rendering) -> tuple[PostViolation, ...]:
    """Check what a rendering holds; remembered per rendering."""
    found, platform = [], rendering.platform
    if content_of(rendering).platform != platform:
        what = f"The {platform} rendering holds another platform's content."
        found.append(PostViolation("warrant.rendering_platform", what))
    if hidden := unseen_in(content_of(rendering)):
        what = f"The {platform} rendering holds {hidden}, which no approver could see."
        found.append(PostViolation("warrant.unseen", what))
    return tuple(found)


@by_identity(512)
def content_of(rendering: Rendering) -> PlatformContent:
    """Return the content that a rendering's body holds; of the same rendering it is read once."""
    return rendering.content()


def rendering_for(request: Request, platform: str) -> Rendering | None:
    """Return the request's rendering of a platform, if it has one."""
    for rendering in request.renderings:  # a handful; of two for one platform, which are refused elsewhere, the first
        if rendering.platform == platform:
            return rendering
    return None
