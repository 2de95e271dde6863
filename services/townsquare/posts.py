"""The townsquare's posts and pictures: in memory for reading, in a journal and files for good.

The idempotency rule is Mastodon's (docs/platforms.md): within an hour the same key of the same account gives the first
post again, whatever the body says, and 404 where that was deleted; the key is looked at before anything is stored.
"""

from __future__ import annotations

import asyncio
import bisect
import re
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from services.kernel.base.clock import Clock, SystemClock
from services.kernel.base.files import write_atomically
from services.townsquare.journal import Journal

KEY_LIFE = timedelta(hours=1)
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


class Refusal(Exception):
    """A request that the townsquare refuses: the HTTP status, the reason, and seconds for Retry-After."""

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


@dataclass(frozen=True)
class Media:
    """An uploaded picture: ``file`` is its name in the media folder, ``ready_at`` when it may be attached."""

    id: str
    username: str
    media_type: str
    description: str
    file: str
    ready_at: str


@dataclass(frozen=True)
class PostDraft:
    """What a client asks to post. ``markup``: the server takes its text for Markdown."""

    text: str
    media_ids: tuple[str, ...] = ()
    in_reply_to: str | None = None
    language: str | None = None
    sensitive: bool = False
    spoiler_text: str = ""
    visibility: str = "public"
    markup: bool = False


@dataclass(frozen=True)
class StoredPost:
    """A post as it is stored. ``created_at`` and ``edited_at`` are ISO 8601 in UTC with milliseconds."""

    id: str
    username: str
    created_at: str
    draft: PostDraft
    key: str | None = None
    edited_at: str | None = None


_Keyed: TypeAlias = tuple[StoredPost, asyncio.Future[None] | None]
"""The post that a key made, and what to wait for while it is being written."""


@dataclass
class Posts:
    """All posts. ``folder`` holds posts.jsonl and media/. ``elsewhere``: the address on another server, by the id of
    the copy that is here, as a server has one of each post that somebody looked up.
    """

    folder: Path
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        self.media_folder = self.folder / "media"
        self.posts: dict[str, StoredPost] = {}
        self.media: dict[str, Media] = {}
        self._order: dict[str | None, list[int]] = {None: []}
        self._keys: dict[tuple[str, str], _Keyed] = {}
        self._attached: set[str] = set()
        self.elsewhere: dict[str, str] = {}
        self._last_id = 0
        self._journal = Journal(self.folder / "posts.jsonl")

    def open(self) -> None:
        """Read what is stored. Raises BadInput as ``Journal.open`` does."""
        self.media_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for entry in self._journal.open():
            kind = entry.pop("type")
            if kind == "post":
                entry["draft"] = PostDraft(**{**entry["draft"], "media_ids": tuple(entry["draft"]["media_ids"])})
                self._show(StoredPost(**entry))
            elif kind == "media":
                self.media[entry["id"]] = Media(**entry)
            elif kind == "edit":
                self._change(entry["id"], entry["text"], entry["language"], entry["edited_at"])
            else:
                self._hide(entry["id"])
            self._last_id = max(self._last_id, int(entry["id"]))

    async def close(self) -> None:
        """Finish what is being written."""
        await self._journal.close()

    async def create(self, username: str, draft: PostDraft, key: str | None) -> StoredPost:
        """Store a post and return it when it is on the disk; a repeated key returns the first one.

        Raises:
            Refusal: 422 or 404, in words like Mastodon's.
        """
        now = self.clock.now()
        known = self._by_key(username, key, now)
        if known is not None:
            post, stored = known
            if stored is not None:
                await asyncio.shield(stored)
            elif post.id not in self.posts:
                raise Refusal(404, "Record not found")
            return post
        self._check(username, draft, now)
        post = StoredPost(self._next_id(now), username, _iso(now), draft, key)
        self._attached.update(draft.media_ids)
        storing = asyncio.ensure_future(self._journal.append({"type": "post", **_plain(post)}))
        if key is not None:
            self._keys[username, key] = (post, storing)
        try:
            await asyncio.shield(storing)
        except OSError:
            self._attached.difference_update(draft.media_ids)
            self._keys.pop((username, key or ""), None)
            raise
        self._show(post)
        return post

    async def delete(self, username: str, post_id: str) -> StoredPost:
        """Delete a post; raises Refusal 404 when there is none of this account."""
        post = self.posts.get(post_id)
        if post is None or post.username != username:
            raise Refusal(404, "Record not found")
        await self._journal.append({"type": "delete", "id": post_id})
        self._hide(post_id)
        return post

    async def edit(self, username: str, post_id: str, text: str, language: str | None) -> StoredPost:
        """Change a post's text and language; raises Refusal 404 when there is none of this account."""
        post = self.posts.get(post_id)
        if post is None or post.username != username:
            raise Refusal(404, "Record not found")
        now = _iso(self.clock.now())
        said = {"type": "edit", "id": post_id, "text": text, "language": language, "edited_at": now}
        await self._journal.append(said)
        return self._change(post_id, text, language, now)

    async def add_media(
        self, username: str, content: bytes, media_type: str, description: str, delay: float = 0.0
    ) -> Media:
        """Store a picture; it may be attached after ``delay`` seconds."""
        now = self.clock.now()
        media_id = self._next_id(now)
        name = f"{media_id}.{EXTENSIONS[media_type]}"
        await asyncio.to_thread(write_atomically, self.media_folder / name, content)
        ready = _iso(now + timedelta(seconds=delay))
        media = Media(media_id, username, media_type, description, name, ready)
        await self._journal.append({"type": "media", **asdict(media)})
        self.media[media_id] = media
        return media

    def is_ready(self, media: Media) -> bool:
        """Return whether a picture may be attached now."""
        return media.ready_at <= _iso(self.clock.now())

    def newest(
        self,
        username: str | None,
        limit: int,
        before: str | None = None,
        after: str | None = None,
        age: float = 0.0,
    ) -> list[StoredPost]:
        """Return posts, newest first, of one account or all, with ids below ``before`` and above ``after``.

        ``age``: none that is younger than so many seconds.
        """
        order = self._order.get(username, [])
        end = bisect.bisect_left(order, int(before)) if before else len(order)
        if age:
            newest = _iso(self.clock.now() - timedelta(seconds=age))
            while end and self.posts[str(order[end - 1])].created_at > newest:
                end -= 1
        start = bisect.bisect_right(order, int(after)) if after else 0
        return [self.posts[str(number)] for number in reversed(order[max(start, end - limit) : end])]

    def replies_to(self, post_id: str) -> list[StoredPost]:
        """Return the replies to a post, oldest first."""
        return [post for post in self.posts.values() if post.draft.in_reply_to == post_id]

    def mentioning(self, username: str, host: str) -> list[StoredPost]:
        """Return others' posts that name an account, or answer a post of it, newest first.

        ``host``: this server's, with its port if it has one; ``@name@host`` is the account here too.
        """
        here = "|".join(re.escape(one) for one in (host, re.sub(r":\d+$", "", host)))
        after = r"(?![a-z0-9_])(?:@(?:" + here + r")(?![.:-]?[a-z0-9_])|(?!@[a-z0-9]))"
        named = re.compile(rf"(?<![a-z0-9_])@{re.escape(username)}{after}", re.IGNORECASE | re.ASCII)
        found = []
        for post in self.posts.values():
            parent = self.posts.get(post.draft.in_reply_to or "")
            answers = parent is not None and parent.username == username
            if post.username != username and (answers or named.search(post.draft.text)):
                found.append(post)
        return sorted(found, key=lambda post: int(post.id), reverse=True)

    def _by_key(self, username: str, key: str | None, now: datetime) -> _Keyed | None:
        known = self._keys.get((username, key)) if key is not None else None
        if known is None or datetime.fromisoformat(known[0].created_at) + KEY_LIFE < now:
            return None
        return known

    def _check(self, username: str, draft: PostDraft, now: datetime) -> None:
        if draft.in_reply_to is not None and draft.in_reply_to not in self.posts:
            raise Refusal(404, "The post you are trying to reply to does not appear to exist.")
        for media_id in draft.media_ids:
            media = self.media.get(media_id)
            if media is None or media.username != username or media_id in self._attached:
                raise Refusal(422, f"Validation failed: the media {media_id} is not there or already attached")
            if media.ready_at > _iso(now):
                raise Refusal(422, "Cannot attach files that have not finished processing. Try again in a moment!")

    def _next_id(self, now: datetime) -> str:
        """Return an id that grows with time, as Mastodon's do: milliseconds, then 16 bits."""
        self._last_id = max(self._last_id + 1, int(now.timestamp() * 1_000) << 16)
        return str(self._last_id)

    def _show(self, post: StoredPost) -> None:
        self.posts[post.id] = post
        self._attached.update(post.draft.media_ids)
        if post.key is not None:
            self._keys[post.username, post.key] = (post, None)
        for whose in (None, post.username):
            bisect.insort(self._order.setdefault(whose, []), int(post.id))

    def _change(self, post_id: str, text: str, language: str | None, edited_at: str) -> StoredPost:
        post = self.posts[post_id]
        draft = replace(post.draft, text=text, language=language)
        self.posts[post_id] = replace(post, draft=draft, edited_at=edited_at)
        return self.posts[post_id]

    def _hide(self, post_id: str) -> None:
        post = self.posts.pop(post_id)
        for whose in (None, post.username):
            order = self._order[whose]
            del order[bisect.bisect_left(order, int(post_id))]


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(post: StoredPost) -> dict[str, Any]:
    value = asdict(post)
    value["draft"]["media_ids"] = list(post.draft.media_ids)
    return value
