"""Reposts: the city's other accounts show the lead's post, for X bars the same words from many accounts.

To repost twice is to repost once, so what is not known is repeated. A repost's ``remote_id`` is ``repost:<post>``.
"""

from __future__ import annotations

from schemas.places import named_post
from services.fanout.connectors.answers import is_gone
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import cannot_tell
from services.fanout.connectors.contract import CannotTell, Intent, Permanent, Posted, Retracted, Retryable, Unknown
from services.fanout.connectors.x.api import XAccount, XApi, data_of
from services.kernel.base.clock import Clock

PREFIX = "repost:"
_NOTE = "it shows the lead account's post"
_ALREADY = "already"


class Reposts:
    """Makes, sees and takes back reposts."""

    def __init__(self, api: XApi, site: str, clock: Clock) -> None:
        self._api = api
        self._site = site
        self._clock = clock

    async def make(self, account: XAccount, post: str) -> Posted | Retryable | Permanent | Unknown:
        """Show another account's post; a refusal because it is shown already is a receipt once that is seen."""
        outcome = await self._api.call(
            account.keys, account.deadline, "POST", f"/2/users/{account.id}/retweets", value={"tweet_id": post}
        )
        if data_of(outcome, 200).get("retweeted") is True:
            return self.posted(post)
        result = self._api.meaning(outcome)
        if isinstance(result, Permanent) and _ALREADY in result.reason:
            return self.posted(post) if await self.stands(account, post) is True else result
        return result

    async def stands(self, account: XAccount, post: str) -> bool | CannotTell:
        """Look among the account's newest hundred whether it shows a post."""
        query = {"max_results": "100", "tweet.fields": "referenced_tweets"}
        outcome = await self._api.call(
            account.keys, account.deadline, "GET", f"/2/users/{account.id}/tweets", query=query
        )
        body = json_of(outcome)
        if not isinstance(body, dict) or not isinstance(body.get("meta"), dict):
            return cannot_tell("the platform does not list the account's posts", outcome, self._clock)
        shown = [ref for one in body.get("data", []) for ref in one.get("referenced_tweets") or []]
        return any(ref.get("type") == "retweeted" and ref.get("id") == post for ref in shown)

    async def take_back(self, account: XAccount, post: str) -> Retracted | Retryable | Permanent | Unknown:
        """Show it no more; to repeat it is harmless."""
        outcome = await self._api.call(
            account.keys, account.deadline, "DELETE", f"/2/users/{account.id}/retweets/{post}"
        )
        gone = is_gone(outcome, self._clock)
        return Retracted() if gone or data_of(outcome, 200).get("retweeted") is False else self._api.meaning(outcome)

    def posted(self, post: str) -> Posted:
        """Return what is there: its address is that of the post."""
        return Posted(f"{self._site}/i/status/{post}", f"{PREFIX}{post}", _NOTE)


def reposted(remote_id: str) -> str:
    """Return the post that a repost shows; empty for a post of one's own."""
    post = remote_id.removeprefix(PREFIX)
    return post if remote_id.startswith(PREFIX) and post.isdigit() else ""


def under(intent: Intent, site: str) -> str:
    """Return the post that a message goes under; empty for none.

    Of somebody's post its number, which is in its address; the address itself where that is none of this site's.
    """
    address = intent.content.answers
    if address is None or intent.follows:
        return answered(intent.follows)
    post = named_post("x", address, site)
    return post.path[1] if post is not None else address


def answered(remote_id: str) -> str:
    """Return the post that an answer goes under: of a repost the post that it shows."""
    return reposted(remote_id) or remote_id.partition(",")[0]
