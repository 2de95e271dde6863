"""Reads a person's answers about a city: each returns what it means, or raises ValueError with what to type.

They are as strict as city.toml, which is read when all questions are answered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping

from schemas import languages, subjects
from schemas.forms import address_in_form
from services.kernel.base.settings.addresses import is_host, web_address, website_address
from services.kernel.base.zones import is_country, zone_of
from services.provision.plan.city_plan import Department

_USER = re.compile(r"[A-Za-z0-9_]{1,30}")
_SERVER = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")


def slug(text: str) -> str:
    """Return an id made from a name: ``Public Works`` becomes ``public-works``; raises ValueError."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return subjects.token(re.sub(r"[^a-z0-9]+", "-", plain).strip("-"))


def optional(answer: str) -> str:
    """Read what may be left out."""
    if len(answer) > 120 or not answer.isprintable():
        raise ValueError("at most 120 printable characters, please")
    return answer


def text(answer: str) -> str:
    """Read what may not be left out."""
    if not answer:
        raise ValueError("this may not be empty")
    return optional(answer)


def website(answer: str) -> str:
    """Read the city's website."""
    url = str(address_in_form(answer))
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?", url):
        raise ValueError("an address like https://city.example, please")
    return website_address(url).rstrip("/")


def zone(answer: str) -> str:
    """Read a time zone."""
    try:
        zone_of(answer)
    except LookupError:
        raise ValueError("a time zone like America/Vancouver, please") from None
    return answer


def language(answer: str) -> str:
    """Read a language."""
    tag = languages.canonical(answer)
    if tag is None or not languages.is_known(tag):
        raise ValueError("a language like en-CA or fr, please")
    return tag


def region(answer: str) -> str:
    """Read a country."""
    code = answer.upper()
    if not is_country(code):
        raise ValueError("two letters like CA, please (ISO 3166; the United Kingdom is GB)")
    return code


def disclosure(answer: str) -> str:
    """Read a disclosure statement."""
    if len(answer) > 2_000 or not answer.isprintable():
        raise ValueError("at most 2,000 printable characters, please")
    return answer


def broker(answer: str) -> str | None:
    """Read the addresses of a broker's servers."""
    if not answer:
        return None
    if not re.fullmatch(r"tls://[A-Za-z0-9.-]+(:[0-9]{1,5})?(,tls://[A-Za-z0-9.-]+(:[0-9]{1,5})?)*", answer):
        raise ValueError("an address like tls://broker.city.example:4222, please (several with commas)")
    for server in answer.split(","):
        web_address(server.replace("tls", "https", 1))  # what can be a server's name and port is the same there
    return answer


def port(answer: str) -> int:
    """Read a port that has three behind it."""
    if not re.fullmatch(r"[0-9]{1,5}", answer) or not 1 <= int(answer) <= 65_531:
        raise ValueError("a number from 1 to 65531, please")
    return int(answer)


def departments(answer: str) -> tuple[Department, ...]:
    """Read the departments, each with its own id."""
    names = [name.strip() for name in answer.split(",") if name.strip()]
    if not names:
        raise ValueError("name at least one department")
    made = tuple(_department(text(name)) for name in names)
    ids = [department.id for department in made]
    for id_ in ids:
        if ids.count(id_) > 1:
            raise ValueError(f"two departments would get the id {id_!r}; give each its own name")
    return made


def _department(name: str) -> Department:
    try:
        id_ = slug(name)
    except ValueError:
        raise ValueError(
            f"no id can be made from {name!r}; give it a name in Latin letters too, as Fire ({name})"
        ) from None
    if id_ == "city":
        raise ValueError("'city' stands for the city itself; give the department another name")
    if len(id_) > 40:
        raise ValueError(f"the name {name!r} is too long for an id; shorten it")
    return Department(id_, name, f"the work of {name}")


def account(answer: str, taken: Collection[str], instances: Mapping[str, str]) -> tuple[str, str] | None:
    """Read an account; ``taken`` are those of others, ``instances`` the servers that are known, by their ids."""
    if not answer:
        return None
    user, at, server = answer.removeprefix("@").partition("@")
    server = server.lower()
    if not at or not _USER.fullmatch(user):
        raise ValueError("an account like user@social.example, please (letters, digits and _ before the @)")
    if not _SERVER.fullmatch(server) or not is_host(server):
        raise ValueError(f"{server!r} is no name of a server; an account is as user@social.example")
    if f"{user}@{server}".lower() in taken:
        raise ValueError(f"{user}@{server} is given already; each profile has an account of its own")
    other = instances.get(instance(server), f"https://{server}")
    if other != f"https://{server}":
        raise ValueError(f"{server} gets the same id as {other}; leave it empty, and add it to city.toml by hand")
    return user, server


def instance(server: str) -> str:
    """Return the id of a server."""
    return subjects.token(server.replace(".", "-"))
