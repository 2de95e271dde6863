"""Of the other realm's second copy the registry reads what was added, and all of it where it is another file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.events.control import ProfileAdd
from services.kernel.base.city import City
from services.provision import demo_plan
from services.registry.other_realm import OtherRealm
from tests.support.ledger_builder import LedgerBuilder, demo_city

PAD = b'{"entry":{"subject":"ledger.notice.pad"},"pad":"%s"}\n' % (b"x" * 10_000)


@dataclass
class Copy:
    """A second copy, and the lines of a ledger that begins and then orders two profiles, ``one`` and ``two``."""

    path: Path
    genesis: bytes
    one: bytes
    two: bytes
    other: OtherRealm

    def add(self, lines: bytes) -> None:
        """Add to the copy."""
        with self.path.open("ab") as file:
            file.write(lines)

    def names(self) -> set[str]:
        """The profiles that the registry of the other realm sees beside the manifest's."""
        return {one.id for one in self.other.profiles()} - {one.id for one in demo_plan().profiles}


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    builder = LedgerBuilder(demo_city(tmp_path / "city"))
    builder.genesis()
    first = demo_plan().profiles[0]
    for name in ("one", "two"):
        profile = first.model_copy(update={"id": name, "platform": "x", "account": f"Mission{name}"})
        builder.order("mcpe", ProfileAdd(profile=profile))
    builder.write()
    path, city = builder.city.record_path, builder.city
    genesis, one, two = path.read_bytes().splitlines(keepends=True)
    made = Copy(path, genesis, one, two, OtherRealm(City(city.folder, city.settings, "exercise")))
    path.write_bytes(made.genesis + made.one + PAD)
    assert made.names() == {"one"}
    return made


def test_what_was_read_once_is_not_read_again(copy: Copy) -> None:
    """Before, each order of a profile read all of it: a thousand of them read it a thousand times."""
    with copy.path.open("r+b") as file:
        file.write(b" " * len(copy.genesis))  # whoever reads from its begin finds no first entry
    copy.add(copy.two[:100])
    assert copy.names() == {"one"}, "half a line is none"
    copy.add(copy.two[100:])
    assert copy.names() == {"one", "two"}


def test_a_copy_that_is_another_one_is_read_from_its_begin(copy: Copy) -> None:
    made = copy.path.with_name("made")
    made.write_bytes(copy.path.read_bytes().replace(copy.one, PAD) + PAD)
    made.replace(copy.path)
    assert copy.names() == set(), "replaced by one with the same end"
    copy.path.write_bytes(copy.genesis + copy.one)
    assert copy.names() == {"one"}, "cut"
    copy.path.write_bytes(copy.genesis + PAD * 3)
    assert copy.names() == set(), "written anew, and longer"


def test_a_copy_that_goes_and_comes_back_is_read_again(copy: Copy) -> None:
    away = copy.path.with_name("away")
    copy.path.rename(away)
    assert copy.names() == set()
    away.rename(copy.path)
    assert copy.names() == {"one"}
