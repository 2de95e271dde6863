"""What a city folder is made from: names, people, systems, profiles. ``demo_plan`` is the demonstration city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.events.authority import Grant, Profile, Role, Settings

TOWNSQUARE = "townsquare"
"""The instance name of the local demonstration platform."""

WEBSITE_PLATFORM = "website"
MASTODON_PLATFORM = "mastodon"


@dataclass(frozen=True)
class PlannedOfficer:
    """A person who will get a key in each realm."""

    id: str
    name: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class PlannedSystem:
    """A program that will get a key in each realm."""

    id: str
    name: str


@dataclass(frozen=True)
class Department:
    """A department: ``id`` begins its profiles' ids; ``topic`` is what its profiles are about."""

    id: str
    name: str
    topic: str


@dataclass(frozen=True)
class CityPlan:
    """All that ``make_city`` asks for. ``profiles`` are the live realm's; the exercise realm's follow from them.

    ``instances`` maps an instance name to the base URL of a Mastodon server. ``townsquare_port`` is always there:
    exercises post to the townsquare only, whatever the live profiles are. ``timezone`` is an IANA name.
    ``broker`` is the address of an external one; None: ``onevoice up`` starts one. ``store_gb``: what each realm's
    streams may fill, in 10^9 bytes; None: as much as the broker's disk gives.
    """

    name: str
    website: str
    officers: tuple[PlannedOfficer, ...]
    profiles: tuple[Profile, ...]
    systems: tuple[PlannedSystem, ...] = ()
    port: int = 4222
    townsquare_port: int = 4223
    site_port: int = 4224
    web_port: int = 4225
    instances: dict[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    timezone: str | None = None
    language: str = "en-CA"
    region: str = "CA"
    broker: str | None = None
    broker_authority: str | None = None
    store_gb: float | None = None


DISCLOSURE = (
    "We read comments when we can, but for an answer you can count on please write to or call the {city}. "
    "Comments that are abusive, discriminatory, unlawful or political advertising may be removed. What "
    "others post here is theirs, not the view of the {city}. Please share no personal information: what is "
    "written here is public and may be disclosed under the access and privacy law that applies to the {city}. The "
    "{city} is not liable for the service of the platform itself."
)
"""The usual disclosure statement (section 1, Transparency (i)); ``{city}`` stands for the city's name."""


def profile(
    city: str,
    website: str,
    department: Department,
    platform: str,
    account: str,
    *,
    departmental: bool = True,
    disclosure: str = DISCLOSURE,
) -> Profile:
    """Return a profile with the statements that it must carry (section 1, Transparency (i)).

    Its id is the department's, and then the platform's; ``townsquare`` for an account there.
    """
    place = TOWNSQUARE if account.endswith(f"@{TOWNSQUARE}") else platform
    return Profile(
        id=f"{department.id}-{place}",
        department=department.id,
        platform=platform,
        account=account,
        departmental=departmental,
        purpose=f"News and notices about {department.topic}.",
        identification=f"An official profile of the {city}, run by {department.name}. Official website: {website}",
        disclosure=disclosure.replace("{city}", city),
    )


def local_profiles(city: str, website: str, departments: Sequence[Department]) -> tuple[Profile, ...]:
    """Return a townsquare and a website profile for each department, and for the city itself."""
    office = Department("city", "the office of Communications and Public Engagement", "the city as a whole")
    made = []
    for department in (*departments, office):
        own = department is not office
        for platform, account in (
            (MASTODON_PLATFORM, f"{department.id}@{TOWNSQUARE}"),
            (WEBSITE_PLATFORM, department.id),
        ):
            made.append(profile(city, website, department, platform, account, departmental=own))
    return tuple(made)


DEMO_DEPARTMENTS = (
    Department("fire", "Fire Rescue Service", "fire safety, rescue and burning restrictions"),
    Department("engineering", "Engineering", "road works, traffic and infrastructure projects"),
    Department("public-works", "Public Works", "roads, snow clearing and drainage"),
    Department("water", "Water Utility", "drinking water, sewers and boil-water notices"),
    Department("waste", "Waste and Recycling", "collection days, recycling and the landfill"),
    Department("parks", "Parks", "parks, trails and sports fields"),
    Department("recreation", "Recreation", "the leisure centre, programs and closures"),
    Department("planning", "Planning", "community plans, rezoning and hearings"),
    Department("building", "Building Inspection", "permits, inspections and building safety"),
    Department("bylaw", "Bylaw Enforcement", "bylaws, parking and animal control"),
    Department("forestry", "Forestry", "the municipal forest, road access and wildfire risk"),
    Department("business", "Economic Development", "local business, investment and tourism"),
    Department("emergency-program", "Emergency Program", "preparedness, evacuation and emergency support"),
)


def demo_plan() -> CityPlan:
    """Return the demonstration city; its people are invented."""
    name, website = "City of Mission", "https://mission.example"
    profiles = local_profiles(name, website, DEMO_DEPARTMENTS)
    fire = tuple(p.id for p in profiles if p.department == "fire")
    people = (
        ("cao", "Morgan Ashdown", Grant(role=Role.CAO)),
        ("mcpe", "Priya Lindqvist", Grant(role=Role.MCPE)),
        ("pio", "Daniel Okafor", Grant(role=Role.PIO)),
        ("eoc-director", "Marguerite Tso", Grant(role=Role.EOC_DIRECTOR)),
        ("comms-officer", "Jonas Feddersen", Grant(role=Role.COMMS_OFFICE)),
        ("fire-publisher", "Rosa Whitcombe", Grant(role=Role.PUBLISHER, profiles=fire)),
        ("clerk", "Teddy Varga", Grant(role=Role.EMPLOYEE)),
    )
    return CityPlan(
        name=name,
        website=website,
        officers=tuple(PlannedOfficer(id_, person, (grant,)) for id_, person, grant in people),
        profiles=profiles,
        systems=(PlannedSystem("drivebc", "DriveBC road events"),),
        timezone="America/Vancouver",
    )
