"""Tags of languages: a language, where it matters its script, and where that matters its region (BCP 47, RFC 5646).

``pa``, ``zh-Hant``, ``fr-CA``. Variants and extensions are left out: nothing that the city writes needs them. Which
subtags there are is the registry of IANA (``language_subtags.txt``); it is read on first use. Pure but for that.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

TAG = r"^[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?$"
"""The form of a tag, in the letters' usual case (RFC 5646, 2.1.1)."""

_SECTIONS = ("language", "script", "region")


def canonical(typed: str) -> str | None:
    """Return a typed tag in its usual case, as in ``zh-Hant``; None where it has not the form of one."""
    language, *rest = typed.strip().replace("_", "-").split("-")
    cased = (one.title() if len(one) == 4 else one.upper() for one in rest)
    tag = "-".join((language.lower(), *cased))
    return tag if re.fullmatch(TAG, tag) else None


def base(tag: str) -> str:
    """Return the language of a tag without its script and region, as in ``zh``."""
    return tag.partition("-")[0]


def is_known(tag: str) -> bool:
    """Say whether each subtag of a tag in its usual case is registered."""
    language, *rest = tag.split("-")
    return language in _registered()["language"] and all(
        one in _registered()["script" if len(one) == 4 else "region"] for one in rest
    )


@cache
def _registered() -> dict[str, frozenset[str]]:
    text = resources.files("schemas").joinpath("language_subtags.txt").read_text(encoding="ascii")
    found: dict[str, frozenset[str]] = {}
    for section in _SECTIONS:
        _, _, after = text.partition(f"[{section}]\n")
        found[section] = frozenset(after.partition("[")[0].split())
    return found
