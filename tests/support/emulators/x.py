"""X's API v2 (docs.x.com), as an account that posts meets it: signed requests, duplicates, short links, credit."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import re
import time
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, unquote, urlencode

from aiohttp import web

from schemas.platforms import LIMITS, counted_length
from tests.support.emulators.base import Emulator, Kind, Post, Refused

_PROBLEMS = "https://api.twitter.com/2/problems/"
_LINK = re.compile(r"https?://[^\s]+")


def credential(name: str) -> str:
    """Return the keys of an account."""
    return f"app{name}:appsecret{name}:42-{name}:secret{name}"


class XEmulator(Emulator):
    """The accounts that ``credential`` opens; ``credit`` counts the posts that are paid for."""

    document: ClassVar = "x"

    errors: ClassVar = {
        "unauthorized": (401, "Unauthorized", "Unauthorized", "about:blank"),
        "duplicate": (
            403,
            "Forbidden",
            "You are not allowed to create a Tweet with duplicate content.",
            "about:blank",
        ),
        "suspended": (
            403,
            "Forbidden",
            "Your account is suspended and is not permitted to access this feature.",
            f"{_PROBLEMS}user-suspended",
        ),
        "reposted": (403, "Forbidden", "You have already retweeted this Tweet.", "about:blank"),
        "too_long": (403, "Forbidden", "Your Tweet text is too long.", "about:blank"),
        "access": (403, "Client Forbidden", "Your app lacks write permissions.", f"{_PROBLEMS}client-forbidden"),
        "reply": (403, "Forbidden", "You attempted to reply to a Tweet that is deleted.", "about:blank"),
        "invalid": (400, "Invalid Request", "One or more parameters is invalid.", f"{_PROBLEMS}invalid-request"),
        "credits": (402, "CreditsDepleted", "Your account does not have any credits.", f"{_PROBLEMS}credits"),
        "gone": (404, "Not Found Error", "Could not find tweet.", f"{_PROBLEMS}resource-not-found"),
        "over_capacity": (503, "Service Unavailable", "Service Unavailable", "about:blank"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.credit = 1_000
        self.media: dict[str, str] = {}
        self.made: dict[str, datetime] = {}
        self.reposts: list[tuple[str, str]] = []
        self.login = "fire"
        """Who logs in."""
        self.registered = ("http://127.0.0.1:4229/callback", "oob")
        self.access = "read-write"
        self.description, self.link = "Of the City of Mission.", "https://mission.example"
        """What an account's page says, and the address on it."""
        self.refuses_media = 0
        """So many posts with pictures are refused for them."""
        self.works, self.ends = 0, "succeeded"
        """How often it says that it works on a picture, and how that ends."""
        self._asked: dict[str, tuple[str, str]] = {}

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/oauth/request_token", self.begin)
        app.router.add_get("/oauth/authorize", self.authorize)
        app.router.add_post("/oauth/access_token", self.give)
        app.router.add_get("/2/users/me", self.me)
        app.router.add_get("/2/users/{id}/tweets", self.listing)
        app.router.add_get("/2/users/{id}/mentions", self.mentions)
        app.router.add_post("/2/tweets", self.create)
        app.router.add_get("/2/tweets/{id}", self.one)
        app.router.add_delete("/2/tweets/{id}", self.delete)
        app.router.add_post("/2/users/{id}/retweets", self.repost)
        app.router.add_delete("/2/users/{id}/retweets/{post}", self.take_back)
        app.router.add_post("/2/media/upload", self.upload)
        app.router.add_get("/2/media/upload", self.state)
        app.router.add_post("/2/media/metadata", self.describe)

    def kind_of(self, request: web.Request) -> Kind:
        if request.path.startswith("/2/media"):
            return "media"
        if request.path.startswith("/oauth/"):
            return "other"
        return {"POST": "post", "DELETE": "delete"}.get(request.method, "read")  # type: ignore[return-value]

    def refuse(self, code: str, seconds: float = 0.0) -> web.Response:
        if code == "rate_limit":
            body = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}
            return web.json_response(body, status=429, headers={"x-rate-limit-reset": str(int(time.time() + seconds))})
        if code == "media":
            error = {"parameters": {"media.media_ids": ["1"]}, "message": "Your media IDs are invalid."}
            problem = {"title": "Invalid Request", "detail": "One or more parameters to your request was invalid."}
            more = {"errors": [error], "type": f"{_PROBLEMS}invalid-request"}
            return web.json_response(more | problem, status=400)
        if code == "187":
            return web.json_response({"errors": [{"code": 187, "message": "Status is a duplicate."}]}, status=403)
        status, title, detail, kind = self.errors[code]
        return web.json_response({"title": title, "detail": detail, "type": kind, "status": status}, status=status)

    async def me(self, request: web.Request) -> web.Response:
        name = self._who(request)
        said: dict[str, Any] = {"id": _id(name), "name": f"City: {name}", "username": name}
        if "description" in request.query.get("user.fields", ""):
            said |= {"description": self.description, "entities": {"url": {"urls": [{"expanded_url": self.link}]}}}
        return web.json_response({"data": said}, headers={"x-access-level": self.access})

    async def begin(self, request: web.Request) -> web.Response:
        """Give a token for one login to the application that signs (oauth_callback is signed, too)."""
        given = self._checked(request, "", "")
        redirect = request.query.get("oauth_callback", "")
        if "oauth_token" in given or redirect not in self.registered:
            raise Refused("invalid")
        token = f"login{self.next_id()}"
        self._asked[token] = redirect, f"pin{self.next_id()}"
        return _form(oauth_token=token, oauth_token_secret=f"temporary{token}", oauth_callback_confirmed="true")

    async def authorize(self, request: web.Request) -> web.Response:
        """Have the person agree: back with a verifier, or a page that shows it."""
        token = request.query["oauth_token"]
        redirect, pin = self._asked[token]
        if redirect == "oob":
            return web.Response(text=f"<html><code>{pin}</code></html>", content_type="text/html")
        back = f"{redirect}?{urlencode({'oauth_token': token, 'oauth_verifier': pin})}"
        return web.Response(status=302, headers={"Location": back})

    async def give(self, request: web.Request) -> web.Response:
        """Give the account's own token for a verifier, once."""
        token = _given(request).get("oauth_token", "")
        self._checked(request, token, f"temporary{token}")
        _, pin = self._asked.pop(token, ("", ""))
        if not pin or request.query.get("oauth_verifier") != pin:
            raise Refused("unauthorized")
        _, _, own, secret = credential(self.login).split(":")
        return _form(oauth_token=own, oauth_token_secret=secret, user_id=_id(self.login), screen_name=self.login)

    async def create(self, request: web.Request) -> web.Response:
        name, body = self._who(request), await request.json()
        if not set(body) <= {"text", "reply", "media"} or not body.get("text"):
            raise Refused("invalid")
        if self.credit < 1:
            raise Refused("credits")
        text = body["text"]
        if counted_length(text, LIMITS["x"]) > 280:
            raise Refused("too_long")
        if any(post.text == text for post in self.of(name)):
            raise Refused("duplicate")
        under = (body.get("reply") or {}).get("in_reply_to_tweet_id", "")
        if under and not any(post.id == under for post in self.posts):
            raise Refused("reply")
        ids = (body.get("media") or {}).get("media_ids", [])
        if len(ids) > 4 or any(one not in self.media for one in ids):
            raise Refused("invalid")
        if ids and self.refuses_media:
            self.refuses_media -= 1
            raise Refused("media")
        self.credit -= 1
        post = Post(self.next_id(), name, text, tuple(self.media.pop(one) for one in ids), under)
        self.posts.append(post)
        self.made[post.id] = self.now()
        return web.json_response({"data": {"id": post.id, "text": self._shown(post)["text"]}}, status=201)

    def ask(self, who: str, text: str, under: str = "") -> str:
        """Have somebody write a post that is not the city's; return its id."""
        post = Post(self.next_id(), who, text, under=under)
        self.posts.append(post)
        self.made[post.id] = self.now()
        return post.id

    async def mentions(self, request: web.Request) -> web.Response:
        name = self._who(request)
        since = datetime.fromisoformat(request.query["start_time"])
        mine = {post.id for post in self.posts if post.account == name}
        found = [p for p in self.posts if f"@{name}" in p.text or p.under in mine]
        found = [post for post in found if self.made[post.id] >= since][::-1]
        body: dict[str, Any] = {"meta": {"result_count": len(found)}}
        if found:
            body["data"] = [self._shown(post) | {"author_id": _id(post.account)} for post in found]
            names = {post.account for post in found}
            body["includes"] = {"users": [{"id": _id(one), "name": f"City: {one}", "username": one} for one in names]}
        return web.json_response(body)

    async def repost(self, request: web.Request) -> web.Response:
        name, body = self._who(request), await request.json()
        if request.match_info["id"] != _id(name) or set(body) != {"tweet_id"}:
            raise Refused("invalid")
        if not any(post.id == body["tweet_id"] for post in self.posts):
            raise Refused("gone")
        if (name, body["tweet_id"]) in self.reposts:
            raise Refused("reposted")
        self.credit -= 1
        self.reposts.append((name, body["tweet_id"]))
        return web.json_response({"data": {"retweeted": True}})

    async def take_back(self, request: web.Request) -> web.Response:
        name = self._who(request)
        self.reposts = [one for one in self.reposts if one != (name, request.match_info["post"])]
        return web.json_response({"data": {"retweeted": False}})

    async def listing(self, request: web.Request) -> web.Response:
        name = self._who(request)
        since = datetime.fromisoformat(request.query.get("start_time", "2000-01-01T00:00:00Z"))
        found = [p for p in self.posts if _id(p.account) == request.match_info["id"] and self.made[p.id] >= since]
        found = found[::-1]
        begin = int(request.query.get("pagination_token", "0"))
        size = int(request.query["max_results"])
        page = found[begin : begin + size]
        meta: dict[str, Any] = {"result_count": len(page)}
        if len(found) > begin + size:
            meta["next_token"] = str(begin + size)
        body: dict[str, Any] = {"meta": meta}
        shown = [self._shown(post) for post in page]
        if request.query.get("exclude") != "retweets":
            mine = [post for who, post in self.reposts if who == name and any(one.id == post for one in self.posts)]
            shown += [self._reposted(post) for post in mine]
        if shown:
            body["data"] = shown
        return web.json_response(body)

    def _reposted(self, post: str) -> dict[str, Any]:
        own = f"9{post}"
        shown = {"id": own, "text": "RT @lead: ...", "edit_history_tweet_ids": [own]}
        return shown | {"referenced_tweets": [{"type": "retweeted", "id": post}]}

    async def one(self, request: web.Request) -> web.Response:
        self._who(request)
        found = [post for post in self.posts if post.id == request.match_info["id"]]
        if not found:
            problem = {"title": "Not Found Error", "type": f"{_PROBLEMS}resource-not-found"}
            return web.json_response({"errors": [problem]})
        body: dict[str, Any] = {"data": self._shown(found[0])}
        media = [
            {"media_key": f"3_{found[0].id}{n}", "type": "photo", "alt_text": alt}
            for n, alt in enumerate(found[0].alts)
        ]
        if media and "attachments" in request.query["tweet.fields"]:
            body["data"]["attachments"] = {"media_keys": [one["media_key"] for one in media]}
            body["includes"] = {"media": media}
        return web.json_response(body)

    async def delete(self, request: web.Request) -> web.Response:
        name = self._who(request)
        found = [post for post in self.posts if post.id == request.match_info["id"]]
        if found and found[0].account != name:
            raise Refused("access")
        self.posts = [post for post in self.posts if post not in found]
        return web.json_response({"data": {"deleted": True}})

    async def upload(self, request: web.Request) -> web.Response:
        self._who(request)
        form = await request.post()
        if form["media_category"] != "tweet_image" or not form["media"]:
            raise Refused("invalid")
        media_id = self.next_id()
        self.media[media_id] = ""
        return self._state_of(media_id)

    async def state(self, request: web.Request) -> web.Response:
        """Say how far it is with a picture."""
        self._who(request)
        if request.query.get("command") != "STATUS" or request.query["media_id"] not in self.media:
            raise Refused("invalid")
        self.works -= 1
        return self._state_of(request.query["media_id"])

    def _state_of(self, media_id: str) -> web.Response:
        said: dict[str, Any] = {"id": media_id, "expires_after_secs": 86_400}
        if self.works > 0:
            said["processing_info"] = {"state": "pending", "check_after_secs": 1, "progress_percent": 0}
        elif self.ends != "succeeded":
            said["processing_info"] = {"state": self.ends, "error": {"code": 1, "name": "InvalidMedia"}}
        return web.json_response({"data": said})

    async def describe(self, request: web.Request) -> web.Response:
        self._who(request)
        body = await request.json()
        text = body["metadata"]["alt_text"]["text"]
        if body["id"] not in self.media or len(text) > 1_000:
            raise Refused("invalid")
        self.media[body["id"]] = text
        return web.json_response({"data": {"id": body["id"], "associated_metadata": {"alt_text": {"text": text}}}})

    def _shown(self, post: Post) -> dict[str, Any]:
        """Return a post as X shows it: links shortened, pictures a link at the end, three characters escaped."""
        text, urls = post.text, []
        for number, url in enumerate(_LINK.findall(post.text)):
            short = f"https://t.co/{post.id}a{number}"
            text = text.replace(url, short, 1)
            urls.append({"url": short, "expanded_url": url, "display_url": url[8:30] + "…"})
        if post.alts:
            text += f" https://t.co/{post.id}m"
            urls.append(
                {
                    "url": f"https://t.co/{post.id}m",
                    "expanded_url": f"https://x.com/{post.account}/status/{post.id}/photo/1",
                    "media_key": f"3_{post.id}",
                }
            )
        shown: dict[str, Any] = {"id": post.id, "text": html.escape(self.alters(text), quote=False)}
        shown["edit_history_tweet_ids"] = [post.id]
        shown["created_at"] = f"{self.made[post.id]:%Y-%m-%dT%H:%M:%S.000Z}"
        if urls:
            shown["entities"] = {"urls": urls}
        if post.under:
            shown["referenced_tweets"] = [{"type": "replied_to", "id": post.under}]
        return shown

    def _who(self, request: web.Request) -> str:
        """Return whose request it is; its signature is computed anew (RFC 5849)."""
        name = _given(request).get("oauth_token", "").removeprefix("42-")
        if not name:
            raise Refused("unauthorized")
        _, _, token, secret = credential(name).split(":")
        self._checked(request, token, secret)
        return name

    def _checked(self, request: web.Request, token: str, secret: str) -> dict[str, str]:
        """Compute a request's signature anew, and return what was signed."""
        given = _given(request)
        app_secret = given.get("oauth_consumer_key", "").replace("app", "appsecret", 1)
        signature = given.pop("oauth_signature", "")
        pairs = [*given.items(), *parse_qsl(request.query_string, keep_blank_values=True)]
        joined = "&".join(
            f"{k}={v}" for k, v in sorted((quote(k, safe="-._~"), quote(v, safe="-._~")) for k, v in pairs)
        )
        url = f"{self.url}{request.path}"
        base = "&".join(quote(part, safe="-._~") for part in (request.method, url, joined))
        mac = hmac.new(f"{app_secret}&{secret}".encode(), base.encode(), hashlib.sha1).digest()
        fresh = abs(time.time() - int(given.get("oauth_timestamp", "0"))) < 300
        if given.get("oauth_token", "") != token or not fresh or base64.b64encode(mac).decode() != signature:
            raise Refused("unauthorized")
        return given


def _given(request: web.Request) -> dict[str, str]:
    """Return the parts of a request's signature."""
    header = request.headers.get("Authorization", "")
    return {k: unquote(v) for k, v in re.findall(r'(oauth_\w+)="([^"]*)"', header)}


def _form(**fields: str) -> web.Response:
    return web.Response(text=urlencode(fields), content_type="application/x-www-form-urlencoded")


def _id(name: str) -> str:
    return str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big"))
