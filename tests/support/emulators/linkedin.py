"""LinkedIn's Posts API (learn.microsoft.com/linkedin), as who posts for a page meets it: little text, ghosts."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, ClassVar

from aiohttp import web

from schemas.platforms import LITTLE_TEXT
from tests.support.emulators.base import Emulator, Kind, Post, Refused
from tests.support.emulators.linkedin_comments import Discussion
from tests.support.emulators.oauth import CLIENT, SECRET, Logins, form_of

VERSION = "202511"
YEAR = 31_536_000
RIGHTS = (
    "w_organization_social",
    "r_organization_social",
    "rw_organization_admin",
    "w_organization_social_feed",
    "r_organization_social_feed",
)
_FIELDS = {
    "author",
    "commentary",
    "visibility",
    "distribution",
    "lifecycleState",
    "isReshareDisabledByAuthor",
    "content",
}


def token_of(page: str) -> str:
    """Return the token of a page's administrator."""
    return f"AQX{page}"


def shown(commentary: str) -> str:
    """Return what people see: an escaped mark as itself; at an unescaped one the text ends, in silence."""
    out, rest = "", commentary
    while rest:
        if rest[0] == "\\" and len(rest) > 1:
            out, rest = out + rest[1], rest[2:]
        elif rest[0] in LITTLE_TEXT:
            return out
        else:
            out, rest = out + rest[0], rest[1:]
    return out


class LinkedInEmulator(Emulator):
    """Company pages of any number. ``ghosts``: a refused duplicate that nobody sees."""

    document: ClassVar = "linkedin"

    errors: ClassVar = {
        "unauthorized": (401, 65600, "INVALID_ACCESS_TOKEN", "Invalid access token"),
        "expired": (401, 65601, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired"),
        "access": (403, 100, "ACCESS_DENIED", "Not enough permissions to access: posts.CREATE"),
        "duplicate": (422, 0, "DUPLICATE_POST", "Content is a duplicate of urn:li:share:999"),
        "too_long": (400, 100, "FIELD_LENGTH_TOO_LONG", "commentary exceeded the maximum length of 3000"),
        "processing": (400, 0, "MEDIA_ASSET_PROCESSING", "Media asset is processing"),
        "invalid": (400, 100, "ILLEGAL_ARGUMENT", "Syntax exception in path variables"),
        "version": (426, 0, "NONEXISTENT_VERSION", "Requested version is not active"),
        "gone": (404, 0, "RESOURCE_NOT_FOUND", "Entity is not found"),
        "unknown": (500, 0, "INTERNAL_SERVER_ERROR", "Internal Server Error"),
        "unavailable": (503, 0, "SERVICE_UNAVAILABLE", "Service Unavailable"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.images: dict[str, bool] = {}
        self.made: dict[str, datetime] = {}
        self.raw: dict[str, str] = {}
        self.contents: dict[str, dict[str, Any]] = {}
        self.visibility, self.lifecycle = "PUBLIC", "PUBLISHED"
        self.refuses_images = 0
        """So many posts with pictures are refused, as it still works on them."""
        self.with_details = False
        """An error's name is with its details, and not on top."""
        self.role = "CONTENT_ADMINISTRATOR"
        self.upload_to = ""
        self.refresh_token = ""
        self.refresh_lasts: object = YEAR
        """What renews tokens; empty: the application is no partner's."""
        self.renewed = 0
        self.logins = Logins()
        self.discussion = Discussion(self)

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/oauth/v2/authorization", self.login)
        app.router.add_post("/oauth/v2/accessToken", self.token)
        app.router.add_post("/oauth/v2/introspectToken", self.introspect)
        app.router.add_post("/rest/posts", self.create)
        app.router.add_get("/rest/posts", self.listing)
        app.router.add_get("/rest/posts/{urn}", self.one)
        app.router.add_delete("/rest/posts/{urn}", self.delete)
        app.router.add_post("/rest/images", self.initialize)
        app.router.add_put("/dms-uploads/{image}", self.upload)
        app.router.add_get("/rest/organizationAcls", self.acls)
        self.discussion.routes(app)

    def kind_of(self, request: web.Request) -> Kind:
        if request.path.startswith("/oauth/"):
            return "other"
        if "/images" in request.path or "/dms-uploads" in request.path:
            return "media"
        return {"POST": "post", "DELETE": "delete"}.get(request.method, "read")  # type: ignore[return-value]

    def refuse(self, code: str, seconds: float = 0.0) -> web.Response:
        if code == "rate_limit":
            said = {"status": 429, "code": "TOO_MANY_REQUESTS", "message": "Resource level throttle limit reached"}
            return web.json_response(said, status=429, headers={"Retry-After": str(int(seconds))})
        status, number, name, words = self.errors[code]
        return web.json_response(
            {"status": status, "serviceErrorCode": number, "code": name, "message": words}, status=status
        )

    async def login(self, request: web.Request) -> web.Response:
        return self.logins.authorize(request, " ", set(RIGHTS))

    async def token(self, request: web.Request) -> web.Response:
        form = await form_of(request)
        kind = form.pop("grant_type", "")
        if kind == "refresh_token":
            return web.json_response(self._refreshed(form))
        if kind != "authorization_code":
            raise Refused("invalid")
        granted = self.logins.redeem(form)
        said = {"access_token": token_of(self.logins.account), "expires_in": 5_184_000, "scope": ",".join(granted)}
        more = {"refresh_token": self.refresh_token, "refresh_token_expires_in": self.refresh_lasts}
        return web.json_response(said | (more if self.refresh_token else {}))

    def _refreshed(self, form: dict[str, str]) -> dict[str, Any]:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            raise Refused("invalid")
        if not self.refresh_token or form.get("refresh_token") != self.refresh_token:
            raise Refused("unauthorized")
        self.renewed += 1
        self.refresh_token = f"{self.refresh_token}+"
        said = {"access_token": f"AQXn{self.renewed}x{self.logins.account}", "expires_in": 5_184_000}
        return said | {"refresh_token": self.refresh_token, "refresh_token_expires_in": 31_000_000}

    async def introspect(self, request: web.Request) -> web.Response:
        form = await form_of(request)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            raise Refused("unauthorized")
        if self._page_of(form["token"]) is None:
            return web.json_response({"active": False})
        scope = ",".join(one for one in RIGHTS if one not in self.logins.withheld)
        return web.json_response({"active": True, "status": "active", "scope": scope, "expires_at": 1_999_999_999})

    async def create(self, request: web.Request) -> web.Response:
        page, body = self.who(request), await request.json()
        if set(body) - _FIELDS or body["visibility"] != "PUBLIC" or body["lifecycleState"] != "PUBLISHED":
            raise Refused("invalid")
        if body["author"] != f"urn:li:organization:{page}":
            raise Refused("access")
        text = shown(body["commentary"])
        if len(text) > 3_000:
            raise Refused("too_long")
        standing = [post for post in self.of(page) if post.text == text]
        if standing:
            return web.json_response(self._duplicate(standing[0].id), status=422)
        alts = self._alts(body.get("content", {}))
        post = Post(f"urn:li:share:{self.next_id()}", page, text, alts)
        self.posts.append(post)
        self.made[post.id], self.raw[post.id] = self.now(), body["commentary"]
        self.contents[post.id] = body.get("content", {})
        return web.Response(status=201, headers={"x-restli-id": post.id})

    def _duplicate(self, urn: str) -> dict[str, Any]:
        """Refuse a post as a duplicate, in either of the forms that were seen."""
        words = f"Content is a duplicate of {urn}"
        if not self.with_details:
            return {"status": 422, "code": "DUPLICATE_POST", "message": words}
        error = {"description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST"}
        kind = "com.linkedin.common.error.BadRequest"
        return {"status": 422, "message": words, "errorDetailType": kind, "errorDetails": {"inputErrors": [error]}}

    def _alts(self, content: dict[str, Any]) -> tuple[str, ...]:
        images = content["multiImage"]["images"] if "multiImage" in content else [content["media"]] if content else []
        if images and self.refuses_images:
            self.refuses_images -= 1
            raise Refused("processing")
        if any(not self.images.get(one["id"]) for one in images) or len(images) > 20:
            raise Refused("invalid")
        return tuple(one["altText"] for one in images)

    async def initialize(self, request: web.Request) -> web.Response:
        page, body = self.who(request), await request.json()
        if body["initializeUploadRequest"]["owner"] != f"urn:li:organization:{page}":
            raise Refused("access")
        name = f"C{self.next_id()}"
        self.images[f"urn:li:image:{name}"] = False
        url = f"{self.upload_to or self.url}/dms-uploads/{name}?m=AQ%2Fx&app=1"
        return web.json_response({"value": {"uploadUrl": url, "image": f"urn:li:image:{name}"}})

    async def upload(self, request: web.Request) -> web.Response:
        self._token(request)
        if not request.raw_path.endswith("?m=AQ%2Fx&app=1") or not await request.read():
            raise Refused("invalid")
        self.images[f"urn:li:image:{request.match_info['image']}"] = True
        return web.Response(status=201)

    async def listing(self, request: web.Request) -> web.Response:
        page = self.who(request)
        if "author=urn%3Ali%3Aorganization%3A" not in request.raw_path:
            raise Refused("invalid")
        begin, size = int(request.query["start"]), int(request.query["count"])
        found = self.of(page)[begin : begin + size]
        return web.json_response({"paging": {"start": begin}, "elements": [self._value(post) for post in found]})

    async def one(self, request: web.Request) -> web.Response:
        return web.json_response(self._value(self._post(request)))

    async def delete(self, request: web.Request) -> web.Response:
        self.posts.remove(self._post(request))
        return web.Response(status=204)

    async def acls(self, request: web.Request) -> web.Response:
        page = self.who(request)
        one = {"organization": f"urn:li:organization:{page}", "role": self.role, "state": "APPROVED"}
        return web.json_response({"elements": [one] if self.role else []})

    def _post(self, request: web.Request) -> Post:
        page = self.who(request)
        if not re.fullmatch(r"/rest/posts/urn%3Ali%3A(share|ugcPost)%3A\d+", request.raw_path):
            raise Refused("invalid")
        found = [post for post in self.of(page) if post.id == request.match_info["urn"]]
        if not found:
            raise Refused("gone")
        return found[0]

    def _value(self, post: Post) -> dict[str, Any]:
        at = int(self.made[post.id].timestamp() * 1_000)
        return {
            "id": post.id,
            "author": f"urn:li:organization:{post.account}",
            "commentary": self.raw[post.id],
            "createdAt": at,
            "lastModifiedAt": at,
            "lifecycleState": self.lifecycle,
            "visibility": self.visibility,
            **({"content": content} if (content := self.contents.get(post.id)) else {}),
        }

    def who(self, request: web.Request) -> str:
        if request.headers.get("LinkedIn-Version") != VERSION:
            raise Refused("version")
        if request.headers.get("X-Restli-Protocol-Version") != "2.0.0":
            raise Refused("invalid")
        return self._token(request)

    def _token(self, request: web.Request) -> str:
        page = self._page_of(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if page is None:
            raise Refused("unauthorized")
        return page

    def _page_of(self, token: str) -> str | None:
        found = re.fullmatch(r"AQX(?:n\d+x)?(\d+)", token)
        return found[1] if found else None
