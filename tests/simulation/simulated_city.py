"""The simulated city: one folder with the same keys in every process and every run."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from services.kernel.authority.signing import Signer, load_key
from services.kernel.base.city import City
from services.kernel.base.clock import ManualClock
from services.provision import demo_plan, make_city
from services.provision.plan.city_plan import CityPlan, Department, local_profiles
from tests.simulation.once import remember_signatures

START = datetime(2026, 1, 31, 14, 0, tzinfo=UTC)
DEPARTMENTS = ("fire", "parks")


class SimulatedCity:
    """The city, and its people's keys."""

    def __init__(self, city: City) -> None:
        self.city = city
        names = ("cao", "mcpe", "pio", "eoc-director", "comms-officer", "fire-publisher", "clerk", "drivebc")
        self.signers: dict[str, Signer] = {name: load_key(city.key_path(name)) for name in names}
        plan = _plan()
        self.profiles = [profile.id for profile in plan.profiles]
        self.new_profiles = local_profiles(plan.name, plan.website, [Department("roads", "Roads", "roads")])[:2]


def _plan() -> CityPlan:
    plan = demo_plan()
    departments = [Department(name, name.title(), name) for name in DEPARTMENTS]
    return replace(plan, profiles=local_profiles(plan.name, plan.website, departments))


def make_simulated_city() -> SimulatedCity:
    """Make the city in a temporary folder. Its keys come from a counter: they are worth nothing anywhere else."""
    numbers = iter(range(1_000_000))

    def bytes_of(size: int) -> bytes:
        return hashlib.shake_256(f"a simulated key, worth nothing: {next(numbers)}".encode()).digest(size)

    folder = Path(tempfile.mkdtemp(prefix="onevoice-sim-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with mock.patch.object(os, "urandom", bytes_of):
        town = SimulatedCity(make_city(folder / "city", _plan(), ManualClock(START)))
    remember_signatures()
    return town
