"""Whether what a platform shows of a profile keeps the standards of HUM.11(A) section 1, Transparency (i). Pure.

A profile has to show that the city maintains it, and the disclosure statement. A description of 160 characters holds no
such statement, so the address of the city's website does, where it is with the profile's purpose. Whether a logo is
the city's no program can tell.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from schemas.events.authority import Profile


def shortcomings(profile: Profile, shown: str | None, city: str, website: str) -> tuple[str, ...]:
    """Return what a profile's own page lacks, as clauses; nothing where its platform does not show it.

    Args:
        profile: it, with the disclosure statement that it was sanctioned with.
        shown: its name and description, as people read them; None: nobody knows.
        city: the city's name.
        website: the base URL of the city's website.
    """
    if shown is None:
        return ()
    text = _plain(shown)
    host = (urlsplit(website).hostname or website).removeprefix("www.")
    leads = host.casefold() in text
    lacking = []
    if not leads and _plain(city) not in text:
        lacking.append(f"its page there does not say that it is the {city}'s")
    if not leads and (not profile.disclosure.strip() or _plain(profile.disclosure) not in text):
        lacking.append(f"its page there has neither the disclosure statement nor the address {host}, where it is")
    return tuple(lacking)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
