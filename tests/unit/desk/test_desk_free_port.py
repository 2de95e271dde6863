"""Which port ``onevoice up`` takes where the wished one is not to be had."""

from __future__ import annotations

import socket

import pytest

from services.desk.city.up import free_port
from services.kernel.base.errors import BadInput

FAMILIES = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}


@pytest.mark.parametrize("host", FAMILIES)
def test_another_port_is_taken_where_the_wished_one_is_used(host: str) -> None:
    with socket.socket(FAMILIES[host]) as other:
        try:
            other.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
        other.listen()
        used = int(other.getsockname()[1])
        assert free_port(host, used) not in (0, used)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(BadInput) as error:
        free_port("192.0.2.1", 0)
    assert error.value.code == "port.in_use"
