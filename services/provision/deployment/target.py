"""Where a city is to run: what its deployment files depend on, and what each service needs of the city folder."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from string import Template
from urllib.parse import urlsplit

from schemas import flow
from services.kernel.base.city import City, servers_of
from services.kernel.base.errors import BadInput

TEMPLATES = Path(__file__).resolve().parent / "templates"
SITE = "site"
TOKENS = "secrets/live"

NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # What stands among the tokens may name a command that others run, too: what it renews lies in var/website.
    "fanout": ((TOKENS,), (SITE, "var/website")),
    "audit": ((), ("var/audit",)),
    "board": ((), ("var/notify",)),
    # It refuses to begin a ledger again where the second copy shows that there was one.
    "registry": (("var/audit",), ()),
}
"""What of the city folder a service needs beside city.toml, authority/ and its own key: paths read, paths written."""

COPIES = ("gatekeeper", "fanout")
"""The services whose copies share the work."""


@dataclass(frozen=True)
class DeployTarget:
    """The machine, or machines, that a city runs on.

    ``city`` and ``program`` are absolute paths there: the city folder and the virtual environment. ``nodes`` are the
    brokers' host names, one or three; ``port`` is where they listen. ``website`` and ``desk`` are the host names of the
    city's site and of the officers' pages.
    ``sealing``: the files of the keys that open the live realm's credentials, where these are sealed.
    """

    city: str = "/var/lib/onevoice/city"
    program: str = "/opt/onevoice/venv"
    nodes: tuple[str, ...] = ("broker.city.example",)
    port: int = 4222
    website: str = "www.city.example"
    desk: str = "desk.city.example"
    name: str = "City"
    sealing: tuple[str, ...] = ()

    @property
    def above(self) -> str:
        """The folder that the city folder lies in; units see nothing of it but what they are given."""
        return str(PurePosixPath(self.city).parent)


def target_of(city: City, place: str | None = None, program: str | None = None) -> DeployTarget:
    """Return the target of a city folder: its addresses from city.toml, its paths as they are here, if not given.

    Raises:
        BadInput: ``deploy.path``, a path that its files cannot name; ``deploy.host``, [nats] url names no host, or
            one twice; ``deploy.sealing``, what says where the keys of sealed credentials are cannot be read.
    """
    nats = city.settings.nats
    servers = [urlsplit(one if "//" in one else f"nats://{one}") for one in servers_of(nats.url or "")]
    nodes = tuple(one.hostname or "" for one in servers) or ("broker.city.example",)
    if "" in nodes or len(set(nodes)) < len(nodes):
        fault = "no host" if "" in nodes else "a host twice"
        raise BadInput("deploy.host", f"[nats] url names {fault}: {nats.url}", "tls://HOST:4222 in city.toml")
    website = urlsplit(city.settings.city.website).hostname or "www.city.example"
    origin = urlsplit(city.settings.web.origin)
    return DeployTarget(
        city=_path(place or str(city.folder)),
        program=_path(program or sys.prefix),
        nodes=nodes,
        port=(servers[0].port or 4222) if servers else nats.port,
        website=website,
        # Passkeys count at one address for ever: what city.toml has is not another's to choose.
        desk=(origin.scheme == "https" and origin.hostname) or f"desk.{website.removeprefix('www.')}",
        name=city.settings.city.name,
        sealing=_sealing(city),
    )


def _sealing(city: City) -> tuple[str, ...]:
    """Return the files of the keys that ``profiles seal`` noted; what env: and exec: name is no file to mount."""
    try:
        lines = (city.folder / TOKENS / "sealing").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise BadInput("deploy.sealing", f"{TOKENS}/sealing cannot be read", "onevoice profiles seal") from error
    return tuple(dict.fromkeys(_path(line[5:].strip()) for line in lines if line.startswith("file:")))


def _path(text: str) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or len(path.parts) < 3 or not all(map(_is_plain, text)):
        raise BadInput(
            "deploy.path",
            f"{text!r} cannot be written into every file: an absolute path of two parts or more, please, "
            "of letters, digits and . _ - + @ ,",
            "--place /var/lib/onevoice/city --program /opt/onevoice/venv",
        )
    return str(path)


def _is_plain(character: str) -> bool:
    """Say whether no unit, shell, Compose file or nginx takes a character for anything but a part of a name."""
    return character in "/._-+@," or unicodedata.category(character)[0] in "LM" or character.isdecimal()


def needs(row: flow.Service) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the paths that a service reads and those that it writes, with its snapshot's folder if it has one."""
    read, written = NEEDS.get(row.name, ((), ()))
    return read, (*written, f"var/fold/{row.user}") if row.folds else written


class Marked(Template):
    """Placeholders are ``@{name}``, since ``$`` is compose's and systemd's own."""

    delimiter = "@"


def template(file: str, /, **values: object) -> str:
    """Return a template's text with its placeholders filled in; raises KeyError for one that has no value."""
    return Marked((TEMPLATES / file).read_text(encoding="utf-8")).substitute(values)
