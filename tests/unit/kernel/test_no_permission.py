"""A file that is there and may not be read is in need of another owner or mode, not of a backup or a new key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from services.kernel.authority.signing import load_key
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput
from services.provision.city.manifests import read_envelope
from services.registry.manifest import read_manifest
from tests.support.ledger_builder import demo_city

NOBODY = 65_534


@contextmanager
def as_another_user() -> Iterator[None]:
    """Root may read everything: it takes another user's rights meanwhile."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def city(tmp_path: Path) -> City:
    return demo_city(tmp_path / "my city")


@pytest.mark.parametrize(
    ("path_of", "read"),
    [
        (lambda city: city.manifest_path, read_envelope),
        (lambda city: city.manifest_path, read_manifest),
        (lambda city: city.service_key_path("gatekeeper"), lambda city: load_key(city.service_key_path("gatekeeper"))),
        (lambda city: city.key_path("pio"), lambda city: load_key(city.key_path("pio"))),
    ],
    ids=["provisioning", "the registry", "a service's key", "a person's key"],
)
def test_no_permission_asks_for_owner_and_mode(
    city: City, path_of: Callable[[City], Path], read: Callable[[City], Any]
) -> None:
    path = path_of(city)
    path.chmod(0)
    with as_another_user(), pytest.raises(BadInput) as denied:
        read(city)
    assert "Permission denied" in denied.value.message
    assert "chown" in denied.value.hint
    assert f"chmod 600 '{path}'" in denied.value.hint
    assert not any(word in denied.value.hint for word in ("backup", "rotate", "--as"))
    path.unlink()
    with pytest.raises(BadInput) as missing:
        read(city)
    assert "chmod" not in missing.value.hint
    assert missing.value.code == denied.value.code


def test_the_city_file_in_place_of_its_folder_is_told_the_folder(city: City) -> None:
    with pytest.raises(BadInput) as caught:
        load_city(city.folder / "city.toml")
    assert caught.value.code == "city.unreadable"
    assert "city.toml/city.toml" not in caught.value.message
    assert f"--city '{city.folder}'" in caught.value.hint
