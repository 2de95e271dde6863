"""A broken city.toml is told with its line and field; a whole one gives the paths of a realm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from string import ascii_uppercase

import phonenumbers
import pytest

from services.kernel.base.city import City, load_city, servers_of
from services.kernel.base.errors import BadInput
from services.kernel.base.zones import is_country
from tests.unit.gatekeeper.policy_city import signer

KEY = signer("root one").public_key
WHOLE = f"""\
# The city of the tests.
[city]
name = "Mission"
website = "https://mission.example"

[nats]
port = 4222
host = "127.0.0.1"

[townsquare]
port = 4223

[authority.live]
root_keys = ["{KEY}"]
threshold = 1
audit_key = "{KEY}"

[authority.exercise]
root_keys = [
  "{KEY}",
]
audit_key = "{KEY}"
"""


def broken(folder: Path, text: str | bytes) -> BadInput:
    (folder / "city.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInput) as error:
        load_city(folder)
    assert error.value.hint
    return error.value


def test_a_whole_city_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text(WHOLE)
    city = load_city(tmp_path)
    assert (city.settings.city.name, city.settings.nats.port, city.realm) == ("Mission", 4222, "live")
    assert city.authority.threshold == 1
    assert load_city(tmp_path, "exercise").authority.threshold == 2


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("::1", "nats://[::1]:4222"),
        ("[::1]", "nats://[::1]:4222"),
        ("broker.local", "nats://broker.local:4222"),
        ("größe.example", "nats://größe.example:4222"),
    ],
)
def test_a_brokers_address_has_ipv6_in_brackets(tmp_path: Path, host: str, address: str) -> None:
    (tmp_path / "city.toml").write_text(WHOLE.replace('host = "127.0.0.1"', f'host = "{host}"'), "utf-8")
    assert load_city(tmp_path).settings.nats.address == address


@pytest.mark.parametrize("typed", ["HTTPS://Mission.Example", " https://Mission.Example "])
def test_the_case_of_a_scheme_and_blanks_round_an_address_do_not_matter(tmp_path: Path, typed: str) -> None:
    (tmp_path / "city.toml").write_text(WHOLE.replace("https://mission.example", typed))
    assert load_city(tmp_path).settings.city.website == "https://Mission.Example"


def test_an_address_without_its_scheme_is_told_the_form(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text(WHOLE.replace("https://mission.example", "mission.example"))
    with pytest.raises(BadInput, match="it begins with https:// or http://, without spaces"):
        load_city(tmp_path)


@pytest.mark.parametrize(
    "website", ["https://127.0.0.1:8080", "https://[::1]:8080/city", "https://xn--bcher-kva.example."]
)
def test_a_website_may_be_an_address_too(tmp_path: Path, website: str) -> None:
    (tmp_path / "city.toml").write_text(WHOLE.replace("https://mission.example", website))
    assert load_city(tmp_path).settings.city.website == website


def test_a_region_is_one_whose_telephone_numbers_are_known() -> None:
    """The screening looks for a region's numbers; of one that is unknown to the library it would find none."""
    every = {first + second for first in ascii_uppercase for second in ascii_uppercase}
    assert {code for code in every if is_country(code)} == phonenumbers.SUPPORTED_REGIONS


@pytest.mark.parametrize(
    ("typed", "read"), [("en_CA", "en-CA"), ("EN-ca", "en-CA"), ("FR", "fr"), ("zh-hant", "zh-Hant")]
)
def test_the_language_is_brought_into_form(tmp_path: Path, typed: str, read: str) -> None:
    """A text that tells no language has this one: ``en_CA`` was refused only then, as the service's own failure."""
    (tmp_path / "city.toml").write_text(WHOLE.replace("[city]", f'[city]\nlanguage = "{typed}"'))
    assert load_city(tmp_path).settings.city.language == read


@pytest.mark.parametrize("typed", ["", "English", "en-", "xx-CA", "en-CA-x"])
def test_what_is_no_language_is_told_with_its_line(tmp_path: Path, typed: str) -> None:
    (tmp_path / "city.toml").write_text(WHOLE.replace("[city]", f'[city]\nlanguage = "{typed}"'))
    with pytest.raises(BadInput, match=r"line 3.*city\.language") as caught:
        load_city(tmp_path)
    assert caught.value.code == "city.invalid"
    assert "they are as en-CA or fr" in caught.value.message


@pytest.mark.parametrize("size", ["inf", "nan", "1e30", "0"])
def test_a_size_that_no_disk_has_is_told_with_its_field(tmp_path: Path, size: str) -> None:
    """It ended as a bug when the streams were made."""
    (tmp_path / "city.toml").write_text(WHOLE.replace("[nats]", f"[nats]\nstore_gb = {size}"))
    with pytest.raises(BadInput, match=r"nats\.store_gb") as caught:
        load_city(tmp_path)
    assert caught.value.code == "city.invalid"


def test_the_mark_that_windows_writes_before_a_text_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text(WHOLE, "utf-8-sig")
    assert load_city(tmp_path).settings.city.name == "Mission"


@pytest.mark.parametrize(
    ("good", "bad", "line", "field"),
    [
        ("port = 4223", "port = 0", 11, "townsquare.port"),
        ("https://mission.example", "https://[::1", 4, "city.website"),
        ("https://mission.example", "https://mission.example:99999", 4, "city.website"),
        ("https://mission.example", "https://mission.example:0", 4, "city.website"),
        ("https://mission.example", "https://mission..example", 4, "city.website"),
        ("https://mission.example", "https://-.example/", 4, "city.website"),
        ("https://mission.example", "https://mission.example/city/?a=1", 4, "city.website"),
        ("https://mission.example", "https://mission.example/#top", 4, "city.website"),
        ("https://mission.example", "https://300.1.1.1", 4, "city.website"),
        ("https://mission.example", "https://mission.999", 4, "city.website"),
        ("https://mission.example", "https://[::1]x", 4, "city.website"),
        ("https://mission.example", "https://x[::1]/city", 4, "city.website"),
        ("https://mission.example", "https://[mission]/city", 4, "city.website"),
        ('host = "127.0.0.1"', 'host = ""', 8, "nats.host"),
        ('host = "127.0.0.1"', 'host = "localhost "', 8, "nats.host"),
        ('host = "127.0.0.1"', 'host = "127.0.0.1:4222"', 8, "nats.host"),
        ('host = "127.0.0.1"', 'host = "nats://127.0.0.1"', 8, "nats.host"),
        ('host = "127.0.0.1"', 'host = "::g"', 8, "nats.host"),
        (
            "[townsquare]",
            '[mastodon.instances]\nsigns = "file:///etc/passwd"\n[townsquare]',
            11,
            "mastodon.instances.signs",
        ),
        (
            "[townsquare]",
            '[mastodon.instances]\nsigns = "https://[::1"\n[townsquare]',
            11,
            "mastodon.instances.signs",
        ),
        ("port = 4223", 'port = 4223\nhost = "127.0.0.1:80"', 12, "townsquare.host"),
        ("[townsquare]", '[web]\nhost = ""\n[townsquare]', 11, "web.host"),
        ("[townsquare]", '[metrics]\nhost = "localhost "\n[townsquare]', 11, "metrics.host"),
        ("[townsquare]", '[email]\nhost = "smtp.example:587"\n[townsquare]', 11, "email.host"),
        ("[townsquare]", '[notify]\nfirst = ["a@b.example"]\nsmtp = "mail:99999"\n[townsquare]', 12, "notify.smtp"),
        ("[townsquare]", '[notify]\nfirst = ["a@b.example"]\nsmtp = "mail:0"\n[townsquare]', 12, "notify.smtp"),
        ("[townsquare]", '[notify]\nfirst = ["a@b.example"]\nsmtp = "a..b:25"\n[townsquare]', 12, "notify.smtp"),
        ("[townsquare]", '[notify]\nfirst = ["a@b.example"]\nsmtp = "mail"\n[townsquare]', 12, "notify.smtp"),
        (
            "[townsquare]",
            '[mastodon.instances]\nsigns = "https://a:99999"\n[townsquare]',
            11,
            "mastodon.instances.signs",
        ),
        ("[townsquare]", '[web]\norigin = "http://localhost:99999"\n[townsquare]', 11, "web.origin"),
        ("[townsquare]", '[web]\norigin = "https://desk.example:0"\n[townsquare]', 11, "web.origin"),
        ("[townsquare]", '[bluesky]\nserver = "https://bsky.social:99999"\n[townsquare]', 11, "bluesky.server"),
        (
            "[townsquare]",
            '[webhook.endpoints]\nsigns = "https://[bad/path"\n[townsquare]',
            11,
            "webhook.endpoints.signs",
        ),
        ("[nats]", 'region = "ZZ"\n[nats]', 6, "city.region"),
        ("https://mission.example", "https://u:p@mission.example", 4, "city.website"),
        ("https://mission.example", "https://mission.example:", 4, "city.website"),
        ('host = "127.0.0.1"', 'host = "[::1"', 8, "nats.host"),
        ('host = "127.0.0.1"', 'host = "fe80::1%eth0"', 8, "nats.host"),
        ("[townsquare]", '[web]\norigin = "https://a..example"\n[townsquare]', 11, "web.origin"),
        ("[townsquare]", '[site]\nhost = "http://x"\n[townsquare]', 11, "site.host"),
        ("[nats]", 'region = "AQ"\n[nats]', 6, "city.region"),
        ("[nats]", 'region = "UK"\n[nats]', 6, "city.region"),
        ("[nats]", 'region = "ca"\n[nats]', 6, "city.region"),
        ("port = 4222", 'port = "4222x"', 7, "nats.port"),
        ("threshold = 1", "threshold = 0", 15, "authority.live.threshold"),
        ('name = "Mission"', 'name = ""', 3, "city.name"),
        ('website = "https://mission.example"', 'website = "mission.example"', 4, "city.website"),
        ('name = "Mission"', 'nmae = "Mission"', 2, "city.name"),
        ('host = "127.0.0.1"', 'hots = "127.0.0.1"', 8, "nats.hots"),
        ("[townsquare]", "[townsqare]", 10, "townsqare"),
        (f'  "{KEY}",', '  "U123",', 19, "authority.exercise.root_keys.0"),
        ("[nats]\nport = 4222", "[nats]\nreplicas = 2", 7, "nats.replicas"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_field(tmp_path: Path, good: str, bad: str, line: int, field: str) -> None:
    assert good in WHOLE
    error = broken(tmp_path, WHOLE.replace(good, bad, 1))
    assert error.code == "city.invalid"
    assert f"line {line}:" in error.message
    assert f" {field}: " in error.message


def test_the_same_key_in_two_tables_is_told_apart(tmp_path: Path) -> None:
    """[townsquare] port and [nats] port: the line is that of the wrong one."""
    assert "line 11:" in broken(tmp_path, WHOLE.replace("4223", "-1")).message
    assert "line 7:" in broken(tmp_path, WHOLE.replace("4222", "-1")).message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (WHOLE.replace('"Mission"', '"Mission'), "line 3"),
        (WHOLE + "[city]\n", "line 2"),
        ("name", "at end of document"),
        (WHOLE.replace("4222", 5_000 * "9"), "a number in it is too long"),
    ],
    ids=["quote", "twice", "end", "number"],
)
def test_what_is_no_toml_is_named_by_line(tmp_path: Path, text: str, says: str) -> None:
    error = broken(tmp_path, text)
    assert error.code == "city.syntax"
    assert says in error.message


def test_other_bytes_than_utf8_are_told_where(tmp_path: Path) -> None:
    error = broken(tmp_path, WHOLE.encode().replace(b"Mission", b"Miss\xefon"))
    assert error.code == "city.syntax"
    assert "byte 44" in error.message


def test_no_city_file_and_none_that_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as missing:
        load_city(tmp_path)
    assert missing.value.code == "city.missing"
    assert "--city" in missing.value.hint
    (tmp_path / "city.toml").mkdir()
    with pytest.raises(BadInput) as unreadable:
        load_city(tmp_path)
    assert unreadable.value.code == "city.unreadable"


def test_an_empty_city_file_says_what_is_missing(tmp_path: Path) -> None:
    assert "city: it is missing" in broken(tmp_path, "").message


def test_the_realms_share_no_key_no_token_and_no_page(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text(WHOLE)
    live, exercise = load_city(tmp_path), load_city(tmp_path, "exercise")
    paths: tuple[Callable[[City], Path], ...] = (
        lambda city: city.manifest_path,
        lambda city: city.key_path("pio"),
        lambda city: city.service_key_path("gatekeeper"),
        lambda city: city.provision_key_path,
        lambda city: city.token_path("fire"),
        lambda city: city.audit_folder,
        lambda city: city.site_folder,
    )
    for of in paths:
        assert of(live) != of(exercise)


def test_the_scheme_of_a_brokers_address_may_be_in_capitals() -> None:
    """The client knows small letters only, and took the whole for a name (RFC 3986, 3.1)."""
    assert servers_of("NATS://127.0.0.1:4222, Tls://Broker.example, other:4222") == [
        "nats://127.0.0.1:4222",
        "tls://Broker.example",
        "other:4222",
    ]
