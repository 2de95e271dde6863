"""One demonstration city for all tests of this folder, and records of it in folders of their own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.audit.proof import Report, verify_record
from services.kernel.base.city import City
from tests.support.ledger_builder import LedgerBuilder, demo_city


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """The demonstration city with its keys."""
    return demo_city(tmp_path_factory.mktemp("city") / "city")


@pytest.fixture
def builder(city: City) -> LedgerBuilder:
    """A ledger that begins with the manifest."""
    made = LedgerBuilder(city)
    made.genesis()
    return made


@pytest.fixture
def verify(city: City) -> Iterator[Callable[[LedgerBuilder], Report]]:
    """Write the builder's ledger as the audit service does, and verify it; the city keeps nothing of it."""

    def _verify(builder: LedgerBuilder) -> Report:
        shutil.rmtree(builder.city.audit_folder, ignore_errors=True)
        builder.write()
        return verify_record(builder.city, builder.now)

    yield _verify
    shutil.rmtree(city.audit_folder, ignore_errors=True)


def moved(city: City, folder: Path) -> City:
    """Return the same city with its files elsewhere, for a record that is bent."""
    elsewhere = City(folder, city.settings, city.realm)
    elsewhere.audit_folder.mkdir(parents=True, exist_ok=True)
    return elsewhere
