"""The part of the Mastodon API that is used (docs.joinmastodon.org/methods): accounts, statuses, media, instance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import BodyPartReader, web

from schemas.platforms import LIMITS
from services.kernel.base.settings.city_file import TownsquareSection
from services.townsquare import entities
from services.townsquare.accounts import Account, Directory
from services.townsquare.fault_injection import POST_ID
from services.townsquare.faults import FAULT, FaultKind, FaultQueue
from services.townsquare.manners import PostQuotas, error_of, takes_markup
from services.townsquare.posts import Media, PostDraft, Posts, Refusal, StoredPost

_MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_PAGE = 40


@dataclass(frozen=True)
class Api:
    """The handlers; the server around them takes from ``faults``."""

    posts: Posts
    directory: Directory
    faults: FaultQueue
    manners: TownsquareSection
    quotas: PostQuotas

    def routes(self) -> list[web.RouteDef]:
        """Return the API's routes."""
        return [
            web.get("/api/v2/instance", self.instance),
            web.get("/api/v1/accounts/verify_credentials", self.verify_credentials),
            web.get("/api/v1/apps/verify_credentials", self.application),
            web.get("/api/v1/accounts/lookup", self.lookup),
            web.get("/api/v1/accounts/{id:[0-9]+}/statuses", self.account_statuses),
            web.get("/api/v2/search", self.search),
            web.get("/api/v1/notifications", self.notifications),
            web.post("/api/v1/statuses", self.create),
            web.get("/api/v1/statuses/{id:[0-9]+}", self.status),
            web.get("/api/v1/statuses/{id:[0-9]+}/source", self.source),
            web.put("/api/v1/statuses/{id:[0-9]+}", self.edit),
            web.delete("/api/v1/statuses/{id:[0-9]+}", self.delete),
            web.post("/api/v2/media", self.upload),
            web.get("/api/v1/media/{id:[0-9]+}", self.media),
        ]

    def whose(self, request: web.Request) -> Account:
        """Return whose token the request carries; raises Refusal 401."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        self.directory.refresh()
        account = self.directory.by_token(token.strip()) if scheme.lower() == "bearer" else None
        if account is None:
            raise Refusal(401, "The access token is invalid")
        return account

    async def instance(self, request: web.Request) -> web.Response:
        """GET /api/v2/instance."""
        return web.json_response(entities.instance_entity(base_of(request), self.manners))

    async def verify_credentials(self, request: web.Request) -> web.Response:
        """GET /api/v1/accounts/verify_credentials."""
        return web.json_response(entities.account_entity(self.whose(request), base_of(request)))

    async def application(self, request: web.Request) -> web.Response:
        """GET /api/v1/apps/verify_credentials: here a token may do whatever its account may."""
        self.whose(request)
        return web.json_response({"name": "townsquare", "website": None, "scopes": ["read", "write"]})

    async def lookup(self, request: web.Request) -> web.Response:
        """GET /api/v1/accounts/lookup?acct=name."""
        account = self.directory.by_name(request.query.get("acct", "").removeprefix("@"))
        if account is None:
            raise Refusal(404, "Record not found")
        return web.json_response(entities.account_entity(account, base_of(request)))

    async def account_statuses(self, request: web.Request) -> web.Response:
        """GET /api/v1/accounts/:id/statuses: newest first, with a Link header to the next page."""
        account = self.directory.by_id(request.match_info["id"])
        if account is None:
            raise Refusal(404, "Record not found")
        limit = min(_number(request, "limit") or 20, _PAGE)
        before, after = _number(request, "max_id"), _number(request, "since_id")
        found = self.posts.newest(account.username, limit, _text(before), _text(after), age=_lag(request))
        shown = [post for post in found if "exclude_replies" not in request.query or post.draft.in_reply_to is None]
        headers = {}
        if found:
            address = f"{base_of(request)}{request.path}?limit={limit}"
            older, newer = f"{address}&max_id={found[-1].id}", f"{address}&min_id={found[0].id}"
            headers["Link"] = f'<{older}>; rel="next", <{newer}>; rel="prev"'
        return web.json_response([self._entity(post, request) for post in shown], headers=headers)

    async def create(self, request: web.Request) -> web.Response:
        """POST /api/v1/statuses, JSON or form, with Idempotency-Key."""
        account = self.whose(request)
        draft = self._draft(await _body(request))
        key = (request.headers.get("Idempotency-Key") or None) if self.manners.keys else None
        allowed, quota = self.quotas.take(account.username, self.posts.clock.now())
        if not allowed:
            return web.json_response({"error": "Too many requests"}, status=429, headers=quota)
        post = await self.posts.create(account.username, draft, key)
        return web.json_response(self._entity(post, request), headers={POST_ID: post.id, **quota})

    def _draft(self, body: Mapping[str, Any]) -> PostDraft:
        draft = _draft(body)
        if too_long := error_of(self.manners, draft.text, draft.spoiler_text):
            raise Refusal(422, f"Validation failed: {too_long}")
        return replace(draft, markup=takes_markup(self.manners, str(body.get("content_type") or "")))

    async def status(self, request: web.Request) -> web.Response:
        """GET /api/v1/statuses/:id."""
        return web.json_response(self._entity(self._post(request), request))

    async def search(self, request: web.Request) -> web.Response:
        """GET /api/v2/search?q=address&type=statuses: a post by its address, elsewhere's with resolve=true."""
        self.whose(request)
        wanted, base = request.query.get("q", ""), base_of(request)
        found = []
        for post in self.posts.posts.values():
            if wanted.endswith(post.id) and self.directory.by_name(post.username) is not None:
                entity = self._entity(post, request)
                found += [entity] if wanted in (entity["url"], entity["uri"]) and wanted.startswith(base) else []
        if request.query.get("resolve") == "true":
            copies = [name for name, address in self.posts.elsewhere.items() if address == wanted]
            found += [self._entity(self.posts.posts[name], request) for name in copies if name in self.posts.posts]
        return web.json_response({"accounts": [], "hashtags": [], "statuses": found})

    async def notifications(self, request: web.Request) -> web.Response:
        """GET /api/v1/notifications: who mentions the token's account, or answers it; the newest first."""
        account = self.whose(request)
        limit, before = min(_number(request, "limit") or 40, _PAGE), _number(request, "max_id")
        found = self.posts.mentioning(account.username, request.host)
        found = [post for post in found if not before or int(post.id) < before]
        return web.json_response(
            [
                {"id": post.id, "type": "mention", "created_at": post.created_at, "status": self._entity(post, request)}
                for post in found[:limit]
            ]
        )

    async def source(self, request: web.Request) -> web.Response:
        """GET /api/v1/statuses/:id/source: the text as it was sent; only for its author."""
        account, post = self.whose(request), self._post(request)
        if post.username != account.username:
            raise Refusal(404, "Record not found")
        return web.json_response({"id": post.id, "text": post.draft.text, "spoiler_text": post.draft.spoiler_text})

    async def edit(self, request: web.Request) -> web.Response:
        """PUT /api/v1/statuses/:id: another text, in the place of the current one."""
        account, post = self.whose(request), self._post(request)
        draft = self._draft(await _body(request))
        changed = await self.posts.edit(account.username, post.id, draft.text, draft.language or post.draft.language)
        return web.json_response(self._entity(changed, request))

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /api/v1/statuses/:id: answers with the post that is gone, and its text."""
        account = self.whose(request)
        post = self._post(request)
        entity = {**self._entity(post, request), "text": post.draft.text}
        await self.posts.delete(account.username, post.id)
        return web.json_response(entity)

    async def upload(self, request: web.Request) -> web.Response:
        """POST /api/v2/media: 200, or 202 while it is processed."""
        account = self.whose(request)
        content, description = await _upload(request)
        kind = _media_type(content)
        fault = request.get(FAULT)
        delay = fault.seconds or 0 if fault is not None and fault.kind is FaultKind.PROCESSING else 0
        media = await self.posts.add_media(account.username, content, kind, description, delay)
        entity = entities.media_entity(media, base_of(request), ready=not delay)
        return web.json_response(entity, status=202 if delay else 200)

    async def media(self, request: web.Request) -> web.Response:
        """GET /api/v1/media/:id: 206 while it is processed."""
        account = self.whose(request)
        media = self.posts.media.get(request.match_info["id"])
        if media is None or media.username != account.username:
            raise Refusal(404, "Record not found")
        ready = self.posts.is_ready(media)
        entity = entities.media_entity(media, base_of(request), ready=ready)
        return web.json_response(entity, status=200 if ready else 206)

    def attached(self, post: StoredPost) -> list[Media]:
        """Return the pictures of a post."""
        return [self.posts.media[media_id] for media_id in post.draft.media_ids]

    def _post(self, request: web.Request) -> StoredPost:
        post = self.posts.posts.get(request.match_info["id"])
        if post is None or self.directory.by_name(post.username) is None:
            raise Refusal(404, "Record not found")
        return post

    def _entity(self, post: StoredPost, request: web.Request) -> dict[str, Any]:
        account = self.directory.by_name(post.username)
        if account is None:
            raise Refusal(404, "Record not found")
        parent = self.posts.posts.get(post.draft.in_reply_to or "")
        entity = entities.status_entity(post, account, self.attached(post), base_of(request), parent)
        address = self.posts.elsewhere.get(post.id)
        return entity if address is None else {**entity, "url": address, "uri": address}


def base_of(request: web.Request) -> str:
    """Return the server's own address as the client called it."""
    return f"{request.scheme}://{request.host}"


def _lag(request: web.Request) -> float:
    """Return how old a post must be to be listed, in seconds: a listing that lags leaves newer ones out."""
    fault = request.get(FAULT)
    return fault.seconds or 0.0 if fault is not None and fault.kind is FaultKind.LAG else 0.0


async def _body(request: web.Request) -> Mapping[str, Any]:
    if request.content_type != "application/json":
        form = await request.post()
        return {key.removesuffix("[]"): form.getall(key) if key.endswith("[]") else form[key] for key in form}
    try:
        body = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "The body is not JSON") from error
    if not isinstance(body, dict):
        raise Refusal(400, "The body is not a JSON object")
    return body


def _draft(body: Mapping[str, Any]) -> PostDraft:
    """Check what a client asks to post; raises Refusal 422 in words like Mastodon's."""
    limits = LIMITS["mastodon"]
    text = body.get("status") or ""
    media_ids = body.get("media_ids") or []
    if not isinstance(text, str) or not isinstance(media_ids, list) or not all(isinstance(i, str) for i in media_ids):
        raise Refusal(422, "Validation failed: status is a text, media_ids a list of texts")
    if body.get("scheduled_at"):
        raise Refusal(422, "Validation failed: posts cannot be scheduled here")
    if not text.strip() and not media_ids:
        raise Refusal(422, "Validation failed: Text can't be blank")
    if len(media_ids) > limits.pictures:
        raise Refusal(422, f"Validation failed: Cannot attach more than {limits.pictures} files")
    return PostDraft(
        text=text,
        media_ids=tuple(dict.fromkeys(media_ids)),
        in_reply_to=_text(body.get("in_reply_to_id")),
        language=_text(body.get("language")),
        sensitive=body.get("sensitive") in (True, "true", "1"),
        spoiler_text=str(body.get("spoiler_text") or ""),
        visibility=str(body.get("visibility") or "public"),
    )


async def _upload(request: web.Request) -> tuple[bytes, str]:
    content, description = b"", ""
    if not request.content_type.startswith("multipart/"):
        raise Refusal(422, "Validation failed: File can't be blank")
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.name == "file":
            content = await _limited(part)
        elif isinstance(part, BodyPartReader) and part.name == "description":
            description = await part.text()
    if not content:
        raise Refusal(422, "Validation failed: File can't be blank")
    if len(description) > LIMITS["mastodon"].alt_characters:
        raise Refusal(422, "Validation failed: Description is too long")
    return content, description


async def _limited(part: BodyPartReader) -> bytes:
    chunks, size = [], 0
    while chunk := await part.read_chunk():
        size += len(chunk)
        if size > entities.PICTURE_BYTES:
            raise Refusal(422, f"Validation failed: File is larger than {entities.PICTURE_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _media_type(content: bytes) -> str:
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    raise Refusal(422, "Validation failed: File content type is invalid")


def _number(request: web.Request, name: str) -> int | None:
    value = request.query.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 20 else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
