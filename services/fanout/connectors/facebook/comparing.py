"""Compares a post or a comment, as Facebook shows it now, with what was approved. Pure.

Source: developers.facebook.com, Post (``attachments``) and Comment (``attachment``). Neither tells a picture's
description nor a language, so those are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.events.requests import PlatformContent
from services.fanout.connectors.chains import same

OF_POST = "id,message,attachments{media_type,subattachments{media_type}}"
OF_COMMENT = "id,message,attachment,parent"
"""What is asked of either; what holds nothing is left out of the answer."""


def differences(shown: Mapping[str, Any], content: PlatformContent) -> tuple[tuple[str, str], ...]:
    """Return what differs, each kind once. Raises KeyError, TypeError or AttributeError for another form."""
    found = []
    if not same(str(shown.get("message") or ""), content.parts[0]):
        found.append(("text", "the platform shows the text otherwise than it was approved"))
    missing = len(content.pictures) - _pictures(shown)
    if missing:
        words = f"{missing} of its pictures are missing" if missing > 0 else f"{-missing} pictures more are there"
        found.append(("pictures", words))
    return tuple(found)


def _pictures(shown: Mapping[str, Any]) -> int:
    """Return how many pictures a post has; a preview of its link is none."""
    if "attachment" in shown:
        return int(shown["attachment"].get("type") == "photo")
    count = 0
    for one in (shown.get("attachments") or {}).get("data") or []:
        several = (one.get("subattachments") or {}).get("data")
        count += sum(each["media_type"] == "photo" for each in several or [one])
    return count
