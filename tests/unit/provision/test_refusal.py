"""What is said where the broker does not make a realm's streams, or is none to be spoken to."""

from __future__ import annotations

from typing import Any

import pytest
from nats.js.errors import APIError

from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.provision.broker.connection import as_provisioner
from services.provision.broker.streams import refusal

URL = "nats://broker.example:4222"
RESOURCES, STORAGE, TAKEN = (
    {"code": 503, "err_code": 10023, "description": "insufficient resources"},
    {"code": 500, "err_code": 10047, "description": "insufficient storage resources available"},
    {"code": 400, "err_code": 10058, "description": "stream name already in use with a different configuration"},
)
"""As nats-server 2.15.1 answers: an append to a full store, a limit it cannot set aside, another stream there."""


@pytest.mark.parametrize(
    ("answer", "store_gb", "code", "status", "said", "hint"),
    [
        (STORAGE, 50.0, "store.small", 2, "no room for the 50.0 GB of the realm live", "under [nats] in city.toml"),
        (STORAGE, None, "provision.failed", 6, "its disk has no room left", "free space on the broker's disk"),
        (RESOURCES, 50.0, "provision.failed", 6, "its disk has no room left", "free space on the broker's disk"),
        (RESOURCES, None, "provision.failed", 6, "its disk has no room left", "free space on the broker's disk"),
        (TAKEN, 50.0, "provision.failed", 6, "name already in use", "broker's log"),
    ],
)
def test_a_full_disk_is_not_taken_for_a_limit_in_city_toml(
    answer: dict[str, Any], store_gb: float | None, code: str, status: int, said: str, hint: str
) -> None:
    found = refusal(APIError(**answer), URL, "live", store_gb)
    assert (found.code, int(found.exit_status)) == (code, status)
    assert said in found.message
    assert hint in (found.hint or "")
    assert "None" not in found.message


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("nats://10.255.255.1:4222", "network.plain"),
        ("http://127.0.0.1:4222", "network.scheme"),
        ("nats://127.0.0.1:99999", "network.scheme"),
        ("nats://[::1:4222", "network.scheme"),
        ("nats://169.254.169.254", "network.link_local"),
        ("nats://", "network.scheme"),
        (",", "network.scheme"),
        (" ", "network.scheme"),
        ("nats://127.0.0.1:4222,http://127.0.0.1:4222", "network.scheme"),
        ("nats://127..0.1", "network.scheme"),
        ("NATS-TLS://127.0.0.1", "network.scheme"),
    ],
)
async def test_the_provisioning_key_is_shown_to_no_broker_that_is_none_or_in_plain_elsewhere(
    demo_city: City, url: str, code: str
) -> None:
    with pytest.raises(BadInput) as error:
        async with as_provisioner(demo_city, url):
            pass
    assert error.value.code == code
