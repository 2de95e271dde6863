"""Meta's Graph API for Pages (developers.facebook.com/docs/pages-api), as one who posts meets it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, ClassVar

from aiohttp import web

from tests.support.emulators.base import Emulator, Kind, Post, Refused
from tests.support.emulators.oauth import CLIENT, SECRET, Logins

VERSION = "v24.0"
_NESTED = re.compile(r"\{.*\}")
RIGHTS = (
    "pages_show_list",
    "pages_manage_posts",
    "pages_read_engagement",
    "pages_read_user_content",
    "pages_manage_engagement",
)


def token_of(page: str) -> str:
    """Return a Page's token."""
    return f"EAA{page}"


class FacebookEmulator(Emulator):
    """Pages of any number, each with its token. Takes the same words again and again, as Meta does."""

    document: ClassVar = "facebook"

    errors: ClassVar = {
        "unauthorized": (400, 190, None, "Error validating access token: the session has been invalidated."),
        "session": (400, 102, None, "Session key invalid or no longer valid."),
        "rights": (403, 200, None, "(#200) The user hasn't authorized the application to perform this action."),
        "app_limit": (403, 4, None, "(#4) Application request limit reached"),
        "page_limit": (400, 32, None, "(#32) Page request limit reached"),
        "page_calls": (400, 80001, None, "There have been too many calls to this Page account. Wait a bit."),
        "page_right": (403, 283, None, "(#283) Requires pages_read_engagement permission to manage the object"),
        "too_fast": (400, 1, 1390008, "You're posting too fast."),
        "blocked": (400, 368, None, "The action attempted has been deemed abusive or is otherwise disallowed"),
        "picture": (400, 324, None, "(#324) Missing or invalid image file"),
        "duplicate": (400, 506, None, "Duplicate status message"),
        "invalid": (400, 100, None, "Invalid parameter"),
        "gone": (400, 100, 33, "Unsupported get request. Object does not exist or cannot be loaded"),
        "unknown": (500, 1, None, "An unknown error has occurred."),
        "service": (503, 2, None, "Service temporarily unavailable"),
    }

    def __init__(self) -> None:
        super().__init__()
        self._number = 500_000  # no post has a Page's number
        self.photos: dict[str, str] = {}
        self.made: dict[str, datetime] = {}
        self.asked: list[dict[str, Any]] = []
        self.logins = Logins(suffix="#_=_")
        self.pages = ["1001"]
        """Those that the person who logs in may post on."""
        self.ends_at = 0
        self.about = "Of the City of Mission: https://mission.example"
        """What a Page says of itself."""
        self.tells: tuple[str, ...] = ()
        """What a token is told that it may do, where it asks for itself; empty: only the application is told."""
        self.permalinks: dict[str, str] = {}
        """The addresses of posts, where they are not made of their numbers."""
        self.refuses_pictures = 0
        """So many posts and comments with pictures are refused."""
        self.cursors = True
        """Whether a listing that goes on says from where."""
        self.filtered = False
        """Whether the first page of a listing is emptied by what the reader may not see."""
        self.hidden = 0
        """So many listings leave out what is there: they lag."""
        self._people: dict[str, tuple[str, ...]] = {}

    def routes(self, app: web.Application) -> None:
        app.router.add_get(f"/{VERSION}/me", self.me)
        app.router.add_get(f"/{VERSION}/dialog/oauth", self.login)
        app.router.add_get(f"/{VERSION}/oauth/access_token", self.token)
        app.router.add_get(f"/{VERSION}/me/accounts", self.accounts)
        app.router.add_get(f"/{VERSION}/debug_token", self.debug)
        app.router.add_post(f"/{VERSION}/{{page}}/feed", self.create)
        app.router.add_post(f"/{VERSION}/{{page}}/photos", self.photo)
        app.router.add_get(f"/{VERSION}/{{page}}/published_posts", self.listing)
        app.router.add_get(f"/{VERSION}/{{id}}/comments", self.comments)
        app.router.add_post(f"/{VERSION}/{{id}}/comments", self.comment)
        app.router.add_get(f"/{VERSION}/{{id}}", self.one)
        app.router.add_delete(f"/{VERSION}/{{id}}", self.delete)

    def kind_of(self, request: web.Request) -> Kind:
        if request.path.endswith("/photos"):
            return "media"
        return {"POST": "post", "DELETE": "delete"}.get(request.method, "read")  # type: ignore[return-value]

    def refuse(self, code: str, seconds: float = 0.0) -> web.Response:
        if code == "rate_limit":
            said = {"error": {"message": "Calls to this api have exceeded the rate limit.", "code": 4}}
            return web.json_response(said, status=429, headers={"Retry-After": str(int(seconds))})
        status, number, subcode, words = self.errors[code]
        error: dict[str, Any] = {"message": words, "type": "OAuthException", "code": number, "fbtrace_id": "A"}
        return web.json_response({"error": error | ({"error_subcode": subcode} if subcode else {})}, status=status)

    async def me(self, request: web.Request) -> web.Response:
        page = self._who(request)
        about = {"about": self.about} if "about" in request.query.get("fields", "").split(",") and self.about else {}
        return web.json_response({"id": page, "name": f"City: {page}"} | about)

    async def login(self, request: web.Request) -> web.Response:
        return self.logins.authorize(request, ",", set(RIGHTS))

    async def token(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        if "code" in query:
            token = self.logins.shorter(self.logins.redeem(query))
            return web.json_response({"access_token": token, "token_type": "bearer", "expires_in": 5_000})
        if query.get("grant_type") != "fb_exchange_token" or query.get("client_secret") != SECRET:
            raise Refused("invalid")
        granted = self.logins.longer(query["fb_exchange_token"])
        person = f"EAAP{self.next_id()}"
        self._people[person] = granted
        return web.json_response({"access_token": person, "token_type": "bearer", "expires_in": 5_184_000})

    async def accounts(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._people:
            raise Refused("unauthorized")
        data = [{"id": one, "name": f"City: {one}", "access_token": token_of(one)} for one in self.pages]
        return web.json_response({"data": data, "paging": {"cursors": {"before": "a", "after": "b"}}})

    async def debug(self, request: web.Request) -> web.Response:
        own = f"Bearer {request.query['input_token']}"
        if request.headers.get("Authorization", "") not in (f"Bearer {CLIENT}|{SECRET}", own if self.tells else ""):
            raise Refused("unauthorized")
        granted = list(self._people.values())[-1] if self._people else self.tells
        page = request.query["input_token"].removeprefix("EAA")
        data = {"app_id": CLIENT, "type": "PAGE", "is_valid": True, "expires_at": self.ends_at, "profile_id": page}
        return web.json_response({"data": data | {"scopes": list(granted), "data_access_expires_at": 0}})

    async def create(self, request: web.Request) -> web.Response:
        page, body = self._who(request), await request.json()
        if page != request.match_info["page"]:
            raise Refused("rights")
        text = body.get("message", "")
        photos = [one["media_fbid"] for one in body.get("attached_media", [])]
        if not text or len(text) > 63_206 or any(one not in self.photos for one in photos):
            raise Refused("invalid")
        self._look_at_pictures(bool(photos))
        post = Post(f"{page}_{self.next_id()}", page, text, tuple(self.photos.pop(one) for one in photos))
        self.posts.append(post)
        self.made[post.id] = self.now()
        return web.json_response({"id": post.id})

    def _look_at_pictures(self, some: bool) -> None:
        if some and self.refuses_pictures:
            self.refuses_pictures -= 1
            raise Refused("picture")

    async def photo(self, request: web.Request) -> web.Response:
        self._who(request)
        form = await request.post()
        if form["published"] != "false" or not form["source"]:
            raise Refused("invalid")
        photo = self.next_id()
        self.photos[photo] = str(form["alt_text_custom"])
        return web.json_response({"id": photo})

    async def listing(self, request: web.Request) -> web.Response:
        page = self._who(request)
        since, size = int(request.query["since"]), int(request.query["limit"])
        begin = int(request.query.get("after", "0"))
        found = [post for post in self.of(page) if self.made[post.id].timestamp() >= since and not self.hidden]
        self.hidden = max(0, self.hidden - 1)
        fields = request.query["fields"].split(",")
        rows = [self._shown(post) for post in found[begin : begin + size]]
        rows = [] if self.filtered and not begin else rows
        body: dict[str, Any] = {"data": [{key: one[key] for key in fields if key in one} for one in rows]}
        if len(found) > begin + size:
            cursors = {"cursors": {"after": str(begin + size)}} if self.cursors else {}
            body["paging"] = cursors | {"next": f"{self.url}/next"}
        return web.json_response(body)

    def ask(self, who: str, text: str, under: str) -> str:
        """Have somebody comment a post; return the comment's id."""
        name = f"{under.partition('_')[2]}_{self.next_id()}"
        at = f"{self.now():%Y-%m-%dT%H:%M:%S+0000}"
        link = f"https://www.facebook.com/{under.replace('_', '/posts/')}?comment_id={name.partition('_')[2]}"
        comment = {"id": name, "message": text, "created_time": at, "permalink_url": link, "under": under}
        self.asked.append(comment | ({"from": {"name": who, "id": who}} if who else {}))
        return name

    def under(self, above: str) -> list[dict[str, Any]]:
        """Return the comments right under a post or a comment, the oldest first."""
        return [one for one in self.asked if one.get("parent", {}).get("id", one["under"]) == above]

    async def comment(self, request: web.Request) -> web.Response:
        """Two levels, as Meta shows them: a comment, and answers to it."""
        page, above, body = self._who(request), request.match_info["id"], await request.json()
        parent = self._comment(above)
        post = parent["under"] if parent else self._post(request).id
        if len(body["message"]) > 8_000 or (parent and "parent" in parent):
            raise Refused("invalid")
        self._look_at_pictures("attachment_id" in body)
        alt = self.photos.pop(body["attachment_id"], None) if "attachment_id" in body else ""
        if alt is None:
            raise Refused("invalid")
        name = self.ask(page, body["message"], post)
        if alt:
            self.asked[-1] |= {"alt": alt, "attachment": {"type": "photo"}}
        if parent:
            self.asked[-1] |= {"parent": {"id": above}}
        return web.json_response({"id": name})

    async def comments(self, request: web.Request) -> web.Response:
        above = request.match_info["id"]
        post = "" if self._comment(above) else self._post(request).id
        shown = [one for one in self.asked if one["under"] == post] if post else self.under(above)
        if "since" in request.query:
            since = int(request.query["since"])
            shown = [one for one in shown if datetime.fromisoformat(one["created_time"]).timestamp() >= since]
        self.hidden, lags = max(0, self.hidden - 1), self.hidden
        fields = request.query["fields"].split(",")
        found = [] if lags else [{key: one[key] for key in fields if key in one} for one in shown]
        return web.json_response({"data": found})

    async def one(self, request: web.Request) -> web.Response:
        fields = _NESTED.sub("", request.query["fields"]).split(",")
        shown = self._comment(request.match_info["id"]) or self._shown(self._post(request))
        return web.json_response({key: shown[key] for key in fields if key in shown})

    async def delete(self, request: web.Request) -> web.Response:
        comment = self._comment(request.match_info["id"])
        if comment:
            self.asked = [one for one in self.asked if one is not comment and one not in self.under(comment["id"])]
        else:
            self.posts.remove(self._post(request))
        return web.json_response({"success": True})

    def _comment(self, name: str) -> dict[str, Any] | None:
        return next((one for one in self.asked if one["id"] == name), None)

    def _post(self, request: web.Request) -> Post:
        page = self._who(request)
        found = [post for post in self.of(page) if post.id == request.match_info["id"]]
        if not found:
            raise Refused("gone")
        return found[0]

    def _shown(self, post: Post) -> dict[str, Any]:
        at, link = f"{self.made[post.id]:%Y-%m-%dT%H:%M:%S+0000}", self.permalinks.get(post.id, "")
        shown: dict[str, Any] = {"id": post.id, "message": post.text, "created_time": at, "permalink_url": link}
        photos = [{"media_type": "photo"} for _ in post.alts]
        if len(photos) == 1:
            shown["attachments"] = {"data": photos}
        elif photos:
            shown["attachments"] = {"data": [{"media_type": "album", "subattachments": {"data": photos}}]}
        elif "http" in post.text:
            shown["attachments"] = {"data": [{"media_type": "link"}]}
        return shown

    def _who(self, request: web.Request) -> str:
        page = request.headers.get("Authorization", "").removeprefix("Bearer ").removeprefix("EAA")
        if not page.isdigit():
            raise Refused("unauthorized")
        return page
