"""What leaves this machine is encrypted, and no door is open to others unless somebody said so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.kernel.base.city import load_city
from services.kernel.base.errors import BadInput
from services.kernel.base.network.reach import is_loopback, refuse_plain
from services.kernel.base.settings.city_file import CityFile, RealmAuthority

KEY = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"


def city(**sections: Any) -> CityFile:
    pinned = RealmAuthority(root_keys=(KEY,), threshold=1, audit_key=KEY)
    values = {
        "city": {"name": "City of Mission", "website": "https://mission.example"},
        "authority": {"live": pinned, "exercise": pinned},
    }
    return CityFile.model_validate(values | sections)


def outside(url: str, **more: Any) -> dict[str, Any]:
    return {"nats": {"embedded": False, "url": url, **more}}


@pytest.mark.parametrize(
    ("sections", "code"),
    [
        (outside("nats://10.0.0.5:4222"), "network.plain"),
        (outside("nats://broker.mission.example"), "network.plain"),
        (outside("broker.mission.example:4222"), "network.plain"),
        (outside("nats://127.0.0.1:4222,nats://10.0.0.5:4222"), "network.plain"),
        (outside("tls://broker.mission.example"), "network.plain"),
        (outside("file:///etc/passwd"), "network.scheme"),
        (outside("tls://broker.example:99999"), "network.scheme"),
        (outside("tls://broker.example:0"), "network.scheme"),
        (outside("tls://broker.example:x"), "network.scheme"),
        (outside("nats://169.254.169.254"), "network.link_local"),
        (outside("nats://[fe80::1%25eth0]:4222"), "network.link_local"),
        (outside("nats://[::ffff:169.254.169.254]"), "network.link_local"),
        ({"nats": {"host": "0.0.0.0"}}, "network.open"),
        ({"nats": {"host": "::"}}, "network.open"),
        ({"site": {"host": "0.0.0.0"}}, "network.open"),
        ({"townsquare": {"host": "0.0.0.0"}}, "network.open"),
        ({"metrics": {"host": "0.0.0.0"}}, "network.open"),
        ({"mastodon": {"instances": {"town": "http://town.example"}}}, "network.plain"),
        ({"mastodon": {"instances": {"town": "http://0.0.0.0:80"}}}, "network.link_local"),
        ({"mastodon": {"instances": {"town": "https://169.254.169.254/latest"}}}, "network.link_local"),
        ({"mastodon": {"instances": {"town": "file://town.example/etc/passwd"}}}, "network.scheme"),
    ],
)
def test_what_goes_in_plain_or_nowhere_is_refused_with_its_mend(sections: dict[str, Any], code: str) -> None:
    with pytest.raises(BadInput) as caught:
        refuse_plain(city(**sections))
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)


@pytest.mark.parametrize(
    "sections",
    [
        {},
        outside("nats://127.0.0.1:4222"),
        outside("nats://[::1]:4222,nats://localhost:4222"),
        outside("nats://broker.mission.example", tls_ca="tls/ca.pem"),
        {"site": {"host": "0.0.0.0", "serve": False}},
        {"townsquare": {"host": "0.0.0.0", "open": True}},
        {"metrics": {}},
        {"metrics": {"host": "10.0.0.5", "open": True}},
        {"mastodon": {"instances": {"town": "http://127.0.0.1:4223", "social": "https://social.example"}}},
    ],
)
def test_what_stays_here_or_is_encrypted_passes(sections: dict[str, Any]) -> None:
    refuse_plain(city(**sections))


def test_a_broker_that_is_named_on_the_command_line_is_judged_too() -> None:
    with pytest.raises(BadInput, match="not be encrypted"):
        refuse_plain(city(), "nats://10.0.0.5:4222")


@pytest.mark.parametrize(
    ("host", "here"), [("127.0.0.7", True), ("::1", True), ("10.0.0.1", False), ("localhost.example", False)]
)
def test_loopback_is_this_machine_and_nothing_else(host: str, here: bool) -> None:
    assert is_loopback(host) is here


def test_a_deeply_nested_city_toml_is_an_error_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text("x = " + "[" * 100_000 + "]" * 100_000)
    with pytest.raises(BadInput) as caught:
        load_city(tmp_path)
    assert caught.value.code == "city.syntax"
