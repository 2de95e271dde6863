"""Has messages made for what servers take: writes it into city.toml, and says who sees it when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from schemas.events.authority import Profile
from services.desk.city.profile_check import keeps_credentials
from services.desk.views.output import note
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.run_file import running_city

if TYPE_CHECKING:
    from services.fanout.connectors.contract import Health


def write(city: City, profiles: Sequence[Profile], answers: Mapping[str, Health]) -> None:
    """Write what the profiles' servers said that they take, where that is less than messages are made for.

    Raises:
        BadInput: ``limits.not_here``: no server was asked; ``limits.by_hand``: a server has a section that says more
            already, or city.toml cannot be written. What could be written was.
    """
    if not keeps_credentials(city):
        raise BadInput("limits.not_here", "the credentials are not here, so no server was asked", "where the city runs")
    found = [(one.account.rpartition("@")[2], answers[one.id].takes) for one in profiles if one.id in answers]
    less = {server: takes for server, takes in found if takes is not None}
    if not less:
        note("Nothing to write: no server that answered takes less than messages are made for.")
        return
    from services.provision.city.server_limits import lines, write_limits

    known = write_limits(city, less)
    if new := sorted(less.keys() - set(known)):
        note(f"city.toml has the limits of {', '.join(new)} now; {_seen_when(city)}.")
    if known:
        hint = f"change them to: {' '.join(lines({name: less[name] for name in known}))}"
        raise BadInput("limits.by_hand", f"city.toml has limits of {', '.join(known)} already that say more", hint)


def _seen_when(city: City) -> str:
    if running_city(city):
        return "the next message is made for them"
    return "units, containers and pods see it once they are started again (deploy/README.md, Changing city.toml)"
