"""What a call changes on the website, under the writer's lock: pure but for what it reads through the state."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from schemas import canonical
from schemas.events.authority import Profile
from services.fanout.connectors.contract import (
    Absent,
    FetchMedia,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReconcileResult,
    Retracted,
    RetractResult,
)
from services.fanout.connectors.website.edit import SiteEdit
from services.fanout.connectors.website.pages import Site
from services.fanout.connectors.website.state import CITY, Followed, Message, MessagePlace

_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_FETCH_SHARE = 0.5
"""The part of a call's time that getting pictures may take."""


class Pictures:
    """The bytes of a message's pictures by file name; None for one that could not be had."""

    def __init__(self) -> None:
        self.names: list[str | None] = []
        self.files: dict[str, bytes] = {}


async def fetch(intent: Intent, fetch_media: FetchMedia) -> tuple[Pictures, str]:
    """Get the pictures; one that fails blocks nothing, and is named in the note (docs/platforms.md)."""
    pictures, problems = Pictures(), []
    end = asyncio.get_running_loop().time() + intent.call_timeout * _FETCH_SHARE
    for number, picture in enumerate(intent.content.pictures, 1):
        name = f"picture-{number}-{picture.sha256[:12]}.{_EXTENSIONS[picture.media_type]}"
        try:
            async with asyncio.timeout_at(end):
                content = await fetch_media(picture.sha256)
        except (LookupError, TimeoutError):
            content = b""
        if canonical.sha256(content) == picture.sha256:
            pictures.names.append(name)
            pictures.files[name] = content
        else:
            pictures.names.append(None)
            problems.append(f"picture {number} is missing: its bytes could not be had")
    return pictures, "; ".join(problems)


def publish(work: SiteEdit, intent: Intent, pictures: Pictures, site: Site, note: str) -> PublishResult:
    """Put a message on a website profile."""
    message = work.state.message(intent.request_id)
    refusal = _refusal(message, intent)
    if refusal is not None:
        return refusal
    work.begin(intent.request_id, intent.revision)
    place = message.places.get(intent.profile.id) if message else None
    work.profiles[intent.profile.id] = intent.profile
    _mark_earlier(work, intent)
    if place is not None and place.revision == intent.revision:
        if place.taken_back_at is not None:
            return Permanent("it stood there and was taken back")
        return _posted(intent, site, "")
    standing = place or MessagePlace(
        here=True,
        profile=intent.profile.id,
        department=intent.profile.department,
        platform="website",
        departmental=intent.profile.departmental,
        revision=intent.revision,
        listed_at=work.time_for(intent.profile.id),
    )
    _keep(work, intent, message, pictures, {intent.profile.id: _again(standing, intent.revision)})
    return _posted(intent, site, note)


def mirror(
    work: SiteEdit,
    intent: Intent,
    posted_urls: Mapping[str, str | None],
    pictures: Pictures,
    site: Site,
    note: str,
) -> PublishResult:
    """Note where a message is on other platforms."""
    message = work.state.message(intent.request_id)
    refusal = _refusal(message, intent)
    if refusal is not None:
        return refusal
    work.begin(intent.request_id, intent.revision)
    places, profiles = {}, {profile.id: profile for profile, _ in intent.also_at}
    for profile_id, url in posted_urls.items():
        known = message.places.get(profile_id) if message else None
        if known is not None and known.here:
            continue  # it is on the website by a post of its own
        places[profile_id] = _elsewhere(known, intent, profiles.get(profile_id, intent.profile), profile_id, url, work)
    _mark_earlier(work, intent)
    if message is None or any(message.places.get(key) != place for key, place in places.items()):
        _keep(work, intent, message, pictures, places)
    return Posted(_address(intent, site), intent.request_id, note)


def _elsewhere(
    known: MessagePlace | None, intent: Intent, profile: Profile, profile_id: str, url: str | None, work: SiteEdit
) -> MessagePlace:
    now = work.now
    if known is not None and known.revision == intent.revision and known.url == (url or known.url):
        taken_back = None if url else known.taken_back_at or now
        return known.model_copy(update={"taken_back_at": taken_back})
    its_own = profile_id == profile.id
    return MessagePlace(
        here=False,
        profile=profile_id,
        department=profile.department if its_own else profile_id,
        platform=profile.platform,
        departmental=profile.departmental if its_own else True,
        url=url,
        revision=intent.revision,
        listed_at=known.listed_at if known else now,
        taken_back_at=None if url else now,
    )


def _again(place: MessagePlace, revision: int) -> MessagePlace:
    return place.model_copy(update={"revision": revision, "taken_back_at": None})


def _refusal(message: Message | None, intent: Intent) -> Permanent | None:
    if message is None or intent.revision > message.revision:
        return None
    if intent.revision < message.revision:
        return Permanent(f"revision {message.revision} of this message is there already")
    if _hash(intent) != message.content_sha256:
        return Permanent("other content is there already under this request and revision")
    return None


def _keep(
    work: SiteEdit, intent: Intent, message: Message | None, pictures: Pictures, places: Mapping[str, MessagePlace]
) -> None:
    """Put a message together; a picture that an earlier call had stays."""
    # A repeat of the same revision puts another profile on the page, or brings the picture that was missing: that is no
    # change of what the page says.
    new = message is None or message.revision < intent.revision
    names = pictures.names
    if message is not None and not new:
        names = [now or before for now, before in zip(pictures.names, message.pictures, strict=True)]
    for name, content in pictures.files.items():
        if message is None or name not in message.pictures:
            work.files[intent.request_id, name] = content
    work.put(
        Message(
            request_id=intent.request_id,
            revision=intent.revision,
            content=intent.content,
            content_sha256=_hash(intent),
            listed_at=message.listed_at if message else work.time_for(CITY),
            changed_at=work.time_for(CITY) if new or message is None else message.changed_at,
            pictures=tuple(names),
            places={**(message.places if message else {}), **places},
            followed=message.followed if message else (),
            ended_at=None if new or message is None else message.ended_at,
        )
    )


def _mark_earlier(work: SiteEdit, intent: Intent) -> None:
    """Have the page of the message that this one is about say so; it keeps its address and its place."""
    act, about = intent.content.act, intent.content.about
    earlier = work.state.message(about) if about is not None else None
    if act is None or earlier is None or any(one.request_id == intent.request_id for one in earlier.followed):
        return
    mark = Followed(act=act, request_id=intent.request_id, at=work.now)
    marked = earlier.model_copy(update={"followed": (*earlier.followed, mark), "changed_at": work.now})
    work.put(_without_pictures(work, marked) if act == "recall" else marked)


def _without_pictures(work: SiteEdit, message: Message) -> Message:
    work.taken_files |= {(message.request_id, name) for name in message.pictures if name is not None}
    return message.model_copy(update={"pictures": (None,) * len(message.pictures)})


def look(work: SiteEdit, intent: Intent, site: Site) -> ReconcileResult:
    """Say whether it is on the profile."""
    message = work.state.message(intent.request_id) if work.shows(intent.request_id) else None
    place = message.places.get(intent.profile.id) if message else None
    if message is None or place is None or place.taken_back_at is not None:
        return Absent()
    if place.revision != intent.revision or (
        message.revision == intent.revision and _hash(intent) != message.content_sha256
    ):
        return Absent()
    return _posted(intent, site, "")


def look_at_mirror(work: SiteEdit, intent: Intent, site: Site) -> ReconcileResult:
    """Say whether the page of a message that is elsewhere is there."""
    message = work.state.message(intent.request_id) if work.shows(intent.request_id) else None
    places = message.places.values() if message is not None and _refusal(message, intent) is None else ()
    if not any(place.revision == intent.revision and not place.here for place in places):
        return Absent()
    return Posted(_address(intent, site), intent.request_id)


def retract(work: SiteEdit, intent: Intent) -> RetractResult:
    """Take it off the profile; its pictures go when it is nowhere any more."""
    message = work.state.message(intent.request_id)
    place = message.places.get(intent.profile.id) if message else None
    if message is None or place is None or place.taken_back_at is not None or place.revision > intent.revision:
        return Retracted()
    taken = place.model_copy(update={"taken_back_at": work.now})
    changed = message.model_copy(
        update={"places": {**message.places, place.profile: taken}, "changed_at": work.time_for(CITY)}
    )
    if changed.withdrawn_at is not None:
        changed = _without_pictures(work, changed)
    work.put(changed)
    return Retracted()


def _posted(intent: Intent, site: Site, note: str) -> Posted:
    address = f"{_address(intent, site)}#{intent.profile.id}"
    return Posted(address, f"{intent.request_id}/{intent.profile.id}", note)


def _address(intent: Intent, site: Site) -> str:
    return f"{site.base}/messages/{intent.request_id}/"


def _hash(intent: Intent) -> str:
    return canonical.sha256(intent.content.to_bytes())
