"""``onevoice up --with-exercise``: both realms on one broker, each with its own ledger."""

from __future__ import annotations

from schemas.events.desk import BoardQuery
from services.desk.city.up import whole_city
from services.desk.connection.link import connect
from services.kernel.base.city import City, load_city
from tests.support.ports import free_port


async def test_an_exercise_runs_beside_the_live_city(demo_city: City) -> None:
    async with whole_city(demo_city, free_port(), both=True) as (addresses, _):
        assert addresses.realms == ("live", "exercise")
        for realm in ("live", "exercise"):
            here = load_city(demo_city.folder, realm)
            async with connect(here, "clerk") as link:
                view = (await link.board(BoardQuery(query="eoc"))).eoc
                assert view is not None
                assert (view.realm, view.control_seq) == (realm, 1)
