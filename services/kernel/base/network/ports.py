"""What ``onevoice up`` listens on: no two settings may name one port, for one of the two would not be there."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events.authority import Realm
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput

_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to
_FOLLOW = frozenset({"[nats] port", "[townsquare] port", "[site] port"})
"""Those that --port moves, all by as much."""
_HERE = {"localhost": "127.0.0.1"}


def refuse_shared_ports(city: City, port: int | None = None, *, both: bool = False) -> None:
    """Refuse a city of which two parts would listen on one port.

    ``port``: the broker's, if not as in city.toml; ``both``: the pages of both realms are served.

    Raises:
        BadInput: ``port.twice``, with both settings.
    """
    known: list[tuple[str, str, int]] = []
    for setting, host, number in _listening(city, port, both):
        for other, where, taken in known:
            if taken == number and _meet(where, host):
                said, hint = f"name the same port, {number}", f"give {setting} another in {city.folder / 'city.toml'}"
                if port not in (None, city.settings.nats.port) and (other in _FOLLOW) is not (setting in _FOLLOW):
                    said, hint = f"come to the same port, {number}, with --port {port}", "choose another --port"
                raise BadInput("port.twice", f"{other} and {setting} in city.toml {said}", hint)
        known.append((setting, host, number))


def _listening(city: City, port: int | None, both: bool) -> Iterator[tuple[str, str, int]]:
    """Yield the setting, the host and the port of whatever listens; the townsquare and the site follow the broker."""
    settings = city.settings
    shift = (port or settings.nats.port) - settings.nats.port
    if settings.nats.embedded:
        yield "[nats] port", settings.nats.host, settings.nats.port + shift
    if settings.townsquare is not None:
        yield "[townsquare] port", settings.townsquare.host, settings.townsquare.port + shift
    if settings.site.serve:
        yield "[site] port", settings.site.host, settings.site.port + shift
    if settings.metrics is not None:
        yield "[metrics] port", settings.metrics.host, settings.metrics.port
    if not settings.web.serve:
        return
    realms: tuple[Realm, ...] = ("live", "exercise") if both else (city.realm,)
    seen = None
    for realm in realms:
        web = settings.web.of(realm)
        if web == seen:
            return  # the exercise has no address of its own: its pages are not served beside the live ones
        seen = web
        named = "port" if realm == "live" or web == settings.web else "exercise_port"
        yield f"[web] {named}", web.host, web.listens_on


def _meet(one: str, other: str) -> bool:
    one, other = _HERE.get(one, one), _HERE.get(other, other)
    return one == other or bool({one, other} & _EVERYWHERE)
