"""Meta's content publishing in two steps, as one who posts meets it: what Threads and Instagram share."""

from __future__ import annotations

import io
import re
import time
from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import aiohttp
from aiohttp import web
from PIL import Image, UnidentifiedImageError

from tests.support.emulators.base import Emulator, Kind, Post, Refused
from tests.support.emulators.oauth import SECRET, Logins, form_of

UNPREPARED = "UNKNOWN: the media could not be prepared."


@dataclass
class Container:
    """What is prepared: nobody sees it; it is published once at most, within a day."""

    id: str
    account: str
    values: dict[str, Any]
    alts: tuple[str, ...]
    status: str = "FINISHED"
    ready_at: float = 0.0
    made: float = field(default_factory=time.monotonic)


def token_of(account: str) -> str:
    """Return an account's token."""
    return f"THA{account}"


class MetaEmulator(Emulator):
    """Accounts of any number, each with its token. Containers, publication, quota, listings, deletion."""

    VERSION: ClassVar = "v1.0"
    create_edge: ClassVar = "threads"
    publish_edge: ClassVar = "threads_publish"
    quota_edge: ClassVar = "threads_publishing_limit"
    status_field: ClassVar = "status"
    why_field: ClassVar = "error_message"
    text_field: ClassVar = "text"
    rights: ClassVar[tuple[str, ...]] = (
        "threads_basic",
        "threads_content_publish",
        "threads_manage_replies",
        "threads_read_replies",
        "threads_delete",
    )
    exchange: ClassVar = "th_exchange_token"
    refresh: ClassVar = "th_refresh_token"

    errors: ClassVar = {
        "unauthorized": (400, 190, None, "Error validating access token: Session has expired."),
        "rights": (403, 10, None, "Application does not have permission for this action"),
        "app_limit": (403, 4, None, "Application request limit reached"),
        "quota": (400, 9, 2207042, "The number of posts of the day is reached."),
        "not_ready": (400, 9007, 2207027, "The media is not ready for publishing, please wait for a moment."),
        "suspended": (400, 25, 2207050, "The account is restricted."),
        "blocked": (400, 4, 2207051, "We restrict certain activity to protect our community."),
        "fetch": (400, 9004, 2207052, "The media could not be fetched from this URI."),
        "ratio": (400, 36003, 2207009, "The aspect ratio is not supported."),
        "format": (400, 36001, 2207005, "The image format is not supported."),
        "too_long": (400, 100, None, "Param text must be at most 500 characters long."),
        "invalid": (400, 100, None, "Invalid parameter"),
        "gone": (400, 100, 33, "Unsupported get request. Object does not exist or cannot be loaded"),
        "lost": (400, 24, 4279009, "The requested resource does not exist"),
        "expired_container": (400, -1, 2207020, "The media you are trying to access has expired."),
        "published": (400, 100, None, "The container was published already."),
        "unknown": (500, 1, None, "An unknown error has occurred."),
        "service": (503, 2, None, "Service temporarily unavailable"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.containers: dict[str, Container] = {}
        self.made: dict[str, datetime] = {}
        self.asked: list[dict[str, str]] = []
        self.quota = 250
        self.deletions = 100
        self.fails_to_prepare = 0
        """So many containers end in an error."""
        self.prepares_for = 0.0
        """Seconds until a container is ready."""
        self.logins = Logins(suffix="#_")
        self._granted: tuple[str, ...] = self.rights
        self.renewed = 0
        """How many newer tokens were given out."""
        self.biography = "Of the City of Mission: https://mission.example"
        """What an account's page says."""
        self.new_token_of = ""
        """Whose newer tokens are instead: a platform's own fault."""

    def routes(self, app: web.Application) -> None:
        base = f"/{self.VERSION}"
        app.router.add_get(f"{base}/me", self.me)
        app.router.add_get(f"{base}/debug_token", self.debug)
        app.router.add_get("/oauth/authorize", self.login)
        app.router.add_post("/oauth/access_token", self.token)
        app.router.add_get("/access_token", self.longer)
        app.router.add_get("/refresh_access_token", self.refreshed)
        app.router.add_post(f"{base}/{{account}}/{self.create_edge}", self.create)
        app.router.add_get(f"{base}/{{account}}/{self.create_edge}", self.listing)
        app.router.add_get(f"{base}/{{account}}/replies", self.replies)
        app.router.add_post(f"{base}/{{account}}/{self.publish_edge}", self.publish)
        app.router.add_get(f"{base}/{{account}}/{self.quota_edge}", self.limit)
        app.router.add_get(f"{base}/{{id}}", self.one)
        app.router.add_delete(f"{base}/{{id}}", self.delete)

    def kind_of(self, request: web.Request) -> Kind:
        if "access_token" in request.path:
            return "other"
        if request.method == "POST":
            return "post" if request.path.endswith(self.publish_edge) else "media"
        return "delete" if request.method == "DELETE" else "read"

    def refuse(self, code: str, seconds: float = 0.0) -> web.Response:
        if code == "rate_limit":
            said = {"error": {"message": "Calls to this api have exceeded the rate limit.", "code": 4}}
            return web.json_response(said, status=429, headers={"Retry-After": str(int(seconds))})
        status, number, subcode, words = self.errors[code]
        error: dict[str, Any] = {"message": words, "type": "OAuthException", "code": number, "fbtrace_id": "A"}
        return web.json_response({"error": error | ({"error_subcode": subcode} if subcode else {})}, status=status)

    async def me(self, request: web.Request) -> web.Response:
        account = self._who(request)
        said = {"id": account, "user_id": account, "username": f"city{account}"}
        asked = request.query.get("fields", "").split(",")
        about = {"name": f"City: {account}", "threads_biography": self.biography}
        return web.json_response(said | {name: text for name, text in about.items() if name in asked})

    async def login(self, request: web.Request) -> web.Response:
        return self.logins.authorize(request, ",", set(self.rights))

    async def token(self, request: web.Request) -> web.Response:
        form = await form_of(request)
        if form.pop("grant_type", "") != "authorization_code":
            raise Refused("invalid")
        granted = self.logins.redeem(form)
        return web.json_response(self.shorter(self.logins.shorter(granted), granted))

    def shorter(self, token: str, granted: tuple[str, ...]) -> dict[str, Any]:
        """Return the answer with a token that lives for an hour."""
        return {"access_token": token, "user_id": int(self.logins.account)}

    async def longer(self, request: web.Request) -> web.Response:
        query = request.query
        if query.get("grant_type") != self.exchange or query.get("client_secret") != SECRET:
            raise Refused("invalid")
        self._granted = self.logins.longer(query["access_token"])
        token = token_of(self.logins.account)
        return web.json_response({"access_token": token, "token_type": "bearer", "expires_in": 5_183_944})

    async def refreshed(self, request: web.Request) -> web.Response:
        account = self._account(request.query.get("access_token", ""))
        if request.query.get("grant_type") != self.refresh:
            raise Refused("invalid")
        self.renewed += 1
        token = f"THAn{self.renewed}x{self.new_token_of or account}"
        return web.json_response({"access_token": token, "token_type": "bearer", "expires_in": 5_183_944})

    async def debug(self, request: web.Request) -> web.Response:
        account = self._who(request)
        data = {"type": "USER", "is_valid": True, "scopes": list(self._granted), "user_id": account}
        return web.json_response({"data": data})

    @abstractmethod
    async def check_values(self, values: dict[str, Any]) -> None:
        """Raise Refused for what a container may not be made of."""

    async def create(self, request: web.Request) -> web.Response:
        account, values = self._own(request), await request.json()
        await self.check_values(values)
        if "image_url" in values:
            await self._fetch(values["image_url"])
        alts: tuple[str, ...] = (values["alt_text"],) if values.get("alt_text") else ()
        if values.get("media_type") == "CAROUSEL":
            children = [self.containers.get(one) for one in values["children"].split(",")]
            if not 2 <= len(children) <= 20 or any(
                one is None or "is_carousel_item" not in one.values for one in children
            ):
                raise Refused("invalid")
            alts = tuple(alt for one in children if one is not None for alt in one.alts)
        made = Container(self.next_id(), account, values, alts, ready_at=time.monotonic() + self.prepares_for)
        if self.fails_to_prepare:
            self.fails_to_prepare, made.status = self.fails_to_prepare - 1, "ERROR"
        self.containers[made.id] = made
        return web.json_response({"id": made.id})

    async def publish(self, request: web.Request) -> web.Response:
        account, body = self._own(request), await request.json()
        made = self.containers.get(body.get("creation_id", ""))
        if made is None or made.account != account or "is_carousel_item" in made.values:
            raise Refused("invalid")
        if made.status == "PUBLISHED":
            raise Refused("published")
        if made.status != "FINISHED":
            raise Refused("expired_container")
        if time.monotonic() < made.ready_at:
            raise Refused("not_ready")
        if sum(post.account == account for post in self.posts) >= self.quota:
            raise Refused("quota")
        under = made.values.get("reply_to_id", "")
        if under and under not in {post.id for post in self.posts} | {one["id"] for one in self.asked}:
            raise Refused("invalid")
        made.status = "PUBLISHED"
        post = Post(self.next_id(), account, made.values.get(self.text_field, ""), made.alts, under)
        self.posts.append(post)
        self.made[post.id] = self.now()
        return web.json_response({"id": post.id})

    async def listing(self, request: web.Request) -> web.Response:
        return self._page(request, [post for post in self.of(self._own(request)) if not post.under])

    def ask(self, who: str, text: str, under: str, at: datetime | None = None) -> str:
        """Have somebody answer a post; return the answer's id."""
        answer = {"id": self.next_id(), "username": who, "text": text, "under": under}
        answer["timestamp"] = f"{at or self.now():%Y-%m-%dT%H:%M:%S+0000}"
        self.asked.append(answer)
        return answer["id"]

    def picked(self, request: web.Request, row: dict[str, Any]) -> dict[str, Any]:
        """Return what was asked for of a row."""
        return {key: row[key] for key in request.query["fields"].split(",") if key in row}

    async def replies(self, request: web.Request) -> web.Response:
        return self._page(request, [post for post in self.of(self._own(request)) if post.under])

    async def limit(self, request: web.Request) -> web.Response:
        account = self._own(request)
        used = sum(post.account == account for post in self.posts)
        config = {"quota_total": self.quota, "quota_duration": 86_400}
        return web.json_response({"data": [{"quota_usage": used, "config": config}]})

    async def one(self, request: web.Request) -> web.Response:
        account, name = self._who(request), request.match_info["id"]
        made = self.containers.get(name)
        if made is not None and made.account == account:
            busy = made.status == "FINISHED" and time.monotonic() < made.ready_at
            said = {"id": name, self.status_field: "IN_PROGRESS" if busy else made.status}
            return web.json_response(said | ({self.why_field: UNPREPARED} if made.status == "ERROR" else {}))
        return web.json_response(self._shown(self._post(account, name)) | self._media(request, account, name))

    def _media(self, request: web.Request, account: str, name: str) -> dict[str, Any]:
        """Return what a post holds, where that is asked."""
        if "media_type" not in request.query["fields"]:
            return {}
        count = len(self._post(account, name).alts)
        if count > 1:
            return {"media_type": "CAROUSEL_ALBUM", "children": {"data": [{"id": str(n)} for n in range(count)]}}
        return {"media_type": "IMAGE" if count else "TEXT_POST"}

    async def delete(self, request: web.Request) -> web.Response:
        account = self._who(request)
        if self.deletions < 1:
            raise Refused("app_limit")
        self.posts.remove(self._post(account, request.match_info["id"]))
        self.deletions -= 1
        return web.json_response({"success": True, "deleted_id": request.match_info["id"]})

    def _page(self, request: web.Request, posts: list[Post]) -> web.Response:
        since, size = int(request.query["since"]), int(request.query["limit"])
        begin = int(request.query.get("after", "0"))
        found = [post for post in posts if self.made[post.id].timestamp() >= since]
        body: dict[str, Any] = {"data": [self._shown(post) for post in found[begin : begin + size]]}
        if len(found) > begin + size:
            body["paging"] = {"cursors": {"after": str(begin + size)}, "next": f"{self.url}/next"}
        return web.json_response(body)

    def _post(self, account: str, name: str) -> Post:
        found = [post for post in self.of(account) if post.id == name]
        if not found:
            raise Refused("gone")
        return found[0]

    @abstractmethod
    def permalink(self, post: Post) -> str:
        """Return where people look at a post."""

    def _shown(self, post: Post) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": post.id,
            self.text_field: self.alters(post.text),
            "timestamp": f"{self.made[post.id]:%Y-%m-%dT%H:%M:%S+0000}",
            "permalink": self.permalink(post),
        }
        return shown | ({"replied_to": {"id": post.under}} if post.under else {})

    async def _fetch(self, url: str) -> None:
        """Fetch a picture as Meta does, and see that it is one that it takes."""
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                raw = await response.read()
                image = Image.open(io.BytesIO(raw)) if response.status == 200 else None
        except (aiohttp.ClientError, UnidentifiedImageError):
            image = None
        if image is None:
            raise Refused("fetch")
        if image.format != "JPEG" or not 320 <= image.width <= 1_440 or len(raw) > 8_000_000 or image.getexif():
            raise Refused("format")
        self.check_ratio(image.width / image.height)

    @abstractmethod
    def check_ratio(self, ratio: float) -> None:
        """Raise Refused for a picture that is too narrow or too broad."""

    def _own(self, request: web.Request) -> str:
        account = self._who(request)
        if account != request.match_info["account"]:
            raise Refused("rights")
        return account

    def _who(self, request: web.Request) -> str:
        return self._account(request.headers.get("Authorization", "").removeprefix("Bearer "))

    def _account(self, token: str) -> str:
        found = re.fullmatch(r"THA(?:n\d+x)?(\d+)", token)
        if found is None:
            raise Refused("unauthorized")
        return found[1]
