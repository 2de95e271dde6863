"""The JSON that the Mastodon API gives (docs.joinmastodon.org/entities), as far as it is used here."""

from __future__ import annotations

import html
import re
from typing import Any

from schemas import links
from schemas.platforms import LIMITS
from services.kernel.base.settings.city_file import TownsquareSection
from services.townsquare.accounts import Account
from services.townsquare.manners import LINK_CHARACTERS, marked_up
from services.townsquare.posts import EXTENSIONS, Media, StoredPost

PICTURE_BYTES = 16 * 1024 * 1024


def to_html(text: str, *, markup: bool = False) -> str:
    """Return a post's text as Mastodon gives it: paragraphs, line breaks, links; all else escaped.

    ``markup``: as a server does that takes texts for Markdown.
    """
    paragraphs = [part for part in re.split(r"\n{2,}", text.strip("\n")) if part]
    return "".join(f"<p>{_inline(part, markup)}</p>" for part in paragraphs)


def _inline(text: str, markup: bool) -> str:
    made = []
    for piece, is_link in links.pieces(text):
        shown = html.escape(piece)
        shown = (marked_up(shown) if markup and not is_link else shown).replace("\n", "<br>")
        made.append(f'<a href="{shown}" rel="nofollow noopener">{shown}</a>' if is_link else shown)
    return "".join(made)


def account_entity(account: Account, base: str) -> dict[str, Any]:
    """Return an Account."""
    return {
        "id": account.id,
        "username": account.username,
        "acct": account.username,
        "display_name": account.display_name,
        "note": to_html(account.note),
        "url": f"{base}/@{account.username}",
        "uri": f"{base}/users/{account.username}",
        "locked": False,
        "bot": True,
        "emojis": [],
        "fields": [],
    }


def media_entity(media: Media, base: str, *, ready: bool = True) -> dict[str, Any]:
    """Return a MediaAttachment; ``url`` is null while it is processed."""
    url = f"{base}/media/{media.file}" if ready else None
    return {"id": media.id, "type": "image", "url": url, "preview_url": url, "description": media.description}


def status_entity(
    post: StoredPost, account: Account, media: list[Media], base: str, parent: StoredPost | None
) -> dict[str, Any]:
    """Return a Status."""
    draft = post.draft
    return {
        "id": post.id,
        "created_at": post.created_at,
        "in_reply_to_id": draft.in_reply_to,
        "in_reply_to_account_id": account.id if parent is not None and parent.username == post.username else None,
        "sensitive": draft.sensitive,
        "spoiler_text": draft.spoiler_text,
        "visibility": draft.visibility,
        "language": draft.language,
        "uri": f"{base}/users/{account.username}/statuses/{post.id}",
        "url": f"{base}/@{account.username}/{post.id}",
        "replies_count": 0,
        "reblogs_count": 0,
        "favourites_count": 0,
        "edited_at": post.edited_at,
        "content": to_html(draft.text, markup=draft.markup),
        "reblog": None,
        "account": account_entity(account, base),
        "media_attachments": [media_entity(item, base) for item in media],
        "mentions": [],
        "tags": [],
        "emojis": [],
        "card": None,
        "poll": None,
    }


def instance_entity(base: str, manners: TownsquareSection) -> dict[str, Any]:
    """Return an Instance (version 2)."""
    limits = LIMITS["mastodon"]
    return {
        "domain": base.split("://", 1)[1],
        "title": "Townsquare",
        "version": "4.3.0 (compatible; Townsquare 1.0)",
        "source_url": "" if manners.count == "graphemes" else "https://townsquare.example/source",
        "description": "A practice platform for a city's drills and demonstrations.",
        "languages": ["en"],
        "configuration": {
            "statuses": {
                "max_characters": manners.characters,
                "max_media_attachments": limits.pictures,
                "characters_reserved_per_url": LINK_CHARACTERS,
            },
            "media_attachments": {
                "supported_mime_types": list(EXTENSIONS),
                "image_size_limit": PICTURE_BYTES,
                "description_limit": limits.alt_characters,
            },
        },
    }
