"""Names of languages in English, by BCP 47: those that intake guesses, and those of British Columbia."""

from __future__ import annotations

from schemas.languages import base

_TABLE = """
am=Amharic ar=Arabic bn=Bengali bo=Tibetan de=German el=Greek en=English es=Spanish fa=Persian fr=French
gu=Gujarati he=Hebrew hi=Hindi hur=Halkomelem hy=Armenian it=Italian iu=Inuktitut ja=Japanese ka=Georgian
km=Khmer kn=Kannada ko=Korean lo=Lao ml=Malayalam my=Burmese nl=Dutch or=Odia pa=Punjabi pl=Polish
pt=Portuguese ru=Russian si=Sinhala so=Somali squ=Squamish ta=Tamil te=Telugu th=Thai ti=Tigrinya tl=Tagalog
uk=Ukrainian ur=Urdu vi=Vietnamese zh=Chinese
"""
_NAMES = dict(pair.split("=") for pair in _TABLE.split())


def name_of(code: str) -> str:
    """Return a language's name with its code, as in ``Punjabi (pa)``."""
    name = _NAMES.get(base(code))
    return code if name is None else f"{name} ({code})"
