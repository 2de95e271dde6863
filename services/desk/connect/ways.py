"""The way to a credential on each platform."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from services.desk.connect import linkedin, mastodon, meta, nextdoor, questions, x
from services.desk.connect.asked import Asked
from services.desk.connect.calls import Calls
from services.desk.connect.consent import Consent
from services.desk.connect.person import Access, Person
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput

Way = Callable[[Asked], Awaitable[Access]]

WAYS: dict[str, Way] = {
    "bluesky": questions.bluesky,
    "email": questions.email,
    "facebook": meta.facebook,
    "instagram": meta.instagram,
    "linkedin": linkedin.connect,
    "mastodon": mastodon.connect,
    "nextdoor": nextdoor.connect,
    "slack": questions.slack,
    "teams": questions.teams,
    "telegram": questions.telegram,
    "threads": meta.threads,
    "webhook": questions.webhook,
    "x": x.connect,
}


def way_of(platform: str, *, as_given: bool, reference: str = "") -> Way:
    """Return how a platform's credential is got; ``as_given``: a person has it; ``reference``: it is kept elsewhere.

    Raises:
        BadInput: ``connect.platform``.
    """
    if platform not in WAYS:
        hint = f"one of {', '.join(sorted(WAYS))}; the website and manual tasks need no credential"
        raise BadInput("connect.platform", f"no credential is known of {platform!r}", hint)
    if reference:
        return partial(questions.referred, reference)
    return questions.given if as_given else WAYS[platform]


async def got(city: City, platform: str, account: str, person: Person, consent: Consent, way: Way) -> Access:
    """Get a credential with a person; nothing is stored by this. Raises OneVoiceError."""
    calls = Calls(platform)
    try:
        return await way(Asked(city, account, person, consent, calls))
    finally:
        await calls.close()
