"""A city folder as it is made: what is in it, who may read it, and that it is whole or not there."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from schemas.events.authority import Officer, Realm, Role, System
from services.kernel.authority.signing import load_key
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput
from services.provision import check_new, demo_plan, find_nats_server, interactive_plan, make_city, read_manifest
from services.townsquare.accounts import accounts_path, read_accounts

NOBODY = 65_534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_demonstration_city_is_as_the_readme_says(demo_city: City) -> None:
    manifest = read_manifest(demo_city)
    departmental = [p for p in manifest.profiles if p.departmental]
    for platform in ("mastodon", "website"):
        departments = {p.department for p in departmental if p.platform == platform}
        assert len(departments) >= 12
    assert all(p.id.startswith(f"{p.department}-") and p.official for p in manifest.profiles)
    assert {p.id for p in manifest.profiles if not p.departmental} == {"city-townsquare", "city-website"}
    assert {"cao", "mcpe", "pio", "eoc-director", "fire-publisher", "clerk"} <= {o.id for o in manifest.officers}
    assert [s.id for s in manifest.systems] == ["drivebc"]
    assert (manifest.city, manifest.website) == ("City of Mission", "https://mission.example")
    assert (demo_city.settings.city.name, demo_city.settings.city.website) == (manifest.city, manifest.website)
    publisher = next(o for o in manifest.officers if o.id == "fire-publisher")
    assert publisher.grants[0].role is Role.PUBLISHER
    assert set(publisher.grants[0].profiles) == {"fire-townsquare", "fire-website"}


def test_each_profile_carries_its_three_statements(demo_city: City) -> None:
    for profile in read_manifest(demo_city).profiles:
        assert profile.purpose
        assert "City of Mission" in profile.identification
        assert "personal information" in profile.disclosure


@pytest.mark.parametrize("realm", ["live", "exercise"])
def test_the_keys_are_those_of_the_manifest(demo_city: City, realm: Realm) -> None:
    city = load_city(demo_city.folder, realm)
    manifest = read_manifest(city)
    users: list[Officer | System] = [*manifest.officers, *manifest.systems]
    for user in users:
        assert load_key(city.key_path(user.id)).public_key == user.public_key
    assert load_key(city.service_key_path("audit")).public_key == city.authority.audit_key
    roots = {o.public_key for o in manifest.officers if o.id in ("cao", "mcpe")}
    assert set(city.authority.root_keys) == roots
    assert city.authority.threshold == 2


def test_secrets_can_be_read_by_their_owner_only(demo_city: City) -> None:
    for part in ("keys", "secrets", "var"):
        for path in (demo_city.folder / part, *(demo_city.folder / part).rglob("*")):
            assert mode(path) == (0o700 if path.is_dir() else 0o600), path
    assert any((demo_city.folder / "secrets").rglob("*.token"))


def test_nothing_secret_is_in_what_others_may_read(demo_city: City) -> None:
    seeds = [path.read_text().strip() for path in (demo_city.folder / "keys").rglob("*.nk")]
    tokens = [path.read_text().strip() for path in (demo_city.folder / "secrets").rglob("*.token")]
    hidden = [demo_city.folder / part for part in ("keys", "secrets")]
    for path in demo_city.folder.rglob("*"):
        if path.is_file() and not any(part in path.parents for part in hidden):
            text = path.read_text()
            assert not any(secret in text for secret in (*seeds, *tokens)), path
    assert "/keys/" in (demo_city.folder / ".gitignore").read_text().split()


def test_exercise_accounts_are_others_and_lie_on_the_townsquare(demo_city: City) -> None:
    exercise = load_city(demo_city.folder, "exercise")
    accounts = {account.username for account in read_accounts(accounts_path(demo_city.folder))}
    live_tokens = set()
    for city in (demo_city, exercise):
        for profile in read_manifest(city).profiles:
            if profile.platform != "mastodon":
                continue
            user, _, instance = profile.account.rpartition("@")
            assert instance == "townsquare"
            assert user in accounts
            assert user.startswith("exercise-") == (city.realm == "exercise")
            token = city.token_path(profile.id).read_text()
            assert token not in live_tokens
            live_tokens.add(token)


def test_nats_server_accepts_the_configuration(demo_city: City) -> None:
    command = [str(find_nats_server()), "-c", str(demo_city.nats_conf_path), "-t"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=demo_city.folder, check=False)
    assert result.returncode == 0, result.stderr
    assert 'sync_interval: "always"' in demo_city.nats_conf_path.read_text()


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "notes.txt"
    kept.write_text("mine")
    with pytest.raises(BadInput) as caught:
        make_city(tmp_path, demo_plan())
    assert caught.value.code == "init.not_empty"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(BadInput) as caught:
        make_city(kept, demo_plan())
    assert caught.value.code == "init.not_empty"


def test_a_new_file_system_is_empty(tmp_path: Path) -> None:
    """What mkfs.ext4 leaves at a mount point is nobody's."""
    (tmp_path / "lost+found").mkdir(0o700)
    assert make_city(tmp_path, demo_plan()).settings.city.name == "City of Mission"
    assert (tmp_path / "lost+found").is_dir()


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    """It may be a mount point, or the one that a shell stands in, which would stand in a deleted one after it."""
    folder = tmp_path / "city"
    folder.mkdir()
    before = folder.stat().st_ino
    assert make_city(folder, demo_plan()).settings.city.name == "City of Mission"
    assert (folder.stat().st_ino, mode(folder)) == (before, 0o700)
    assert [path.name for path in tmp_path.iterdir()] == ["city"]
    made = make_city(tmp_path / "other", demo_plan()).folder
    assert {path.name for path in folder.iterdir()} == {path.name for path in made.iterdir()}


def test_a_folder_is_filled_where_its_owner_may_make_no_other() -> None:
    """As ``install -d -o onevoice /srv/city`` leaves it: refused after all questions, with "Permission denied"."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as place:  # not in a folder of root's own, where nobody else may look
        above, folder = Path(place), Path(place) / "city"
        folder.mkdir()
        above.chmod(0o555)
        try:
            if user == 0:  # whom no mode keeps out
                os.chown(folder, NOBODY, -1)
                os.seteuid(NOBODY)
            check_new(folder)
            assert make_city(folder, demo_plan()).settings.city.name == "City of Mission"
        finally:
            os.seteuid(user)
            above.chmod(0o700)


@pytest.mark.parametrize("there", [False, True])
def test_what_a_killed_one_left_is_named(tmp_path: Path, there: bool) -> None:
    """Keys are in it, in clear."""
    folder = tmp_path / "city"
    left = (folder if there else tmp_path) / ".city.0123abcd.making"
    left.mkdir(parents=True)
    with pytest.raises(BadInput) as caught:
        check_new(folder)
    assert caught.value.code == "init.half"
    assert str(left) in caught.value.hint


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def full(beside: Path, target: Path) -> Path:
        if target.name == "accounts.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(beside, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(BadInput, match="No space left") as caught:
        make_city(tmp_path / "city", demo_plan())
    assert caught.value.code == "init.unwritable"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "city").mkdir()
    with pytest.raises(BadInput, match="No space left"):
        make_city(tmp_path / "city", demo_plan())
    assert list(tmp_path.rglob("*")) == [tmp_path / "city"]


def test_a_city_from_answers_starts_with_real_accounts_and_exercises_on_the_townsquare(tmp_path: Path) -> None:
    answers = {
        "Name of the city": 'Ville "Été"',
        "Official website": "https://ville.example/",
        "Departments": "Fire Rescue, Travaux publics",
        "Mastodon account of Fire Rescue": "@VilleFire@social.example",
        "Name of the": "Someone Named",
        "Language": "fr-CA",
        "Address of the city's own broker": "tls://broker.ville.example:4222",
    }

    def ask(question: str, default: str) -> str:
        return next((answer for start, answer in answers.items() if question.startswith(start)), default)

    city = make_city(tmp_path / "ville", interactive_plan(ask))
    manifest = read_manifest(city)
    assert manifest.city == 'Ville "Été"'
    assert (city.settings.city.timezone, city.settings.city.language) == ("America/Vancouver", "fr-CA")
    assert (city.settings.nats.embedded, city.settings.nats.address) == (False, "tls://broker.ville.example:4222")
    assert city.settings.nats.tls_ca == "/etc/onevoice/tls/ca.pem"
    assert manifest.website == "https://ville.example"
    accounts = {p.id: p.account for p in manifest.profiles}
    assert accounts["fire-rescue-mastodon"] == "VilleFire@social-example"
    assert set(accounts) == {
        "fire-rescue-mastodon", "fire-rescue-website", "travaux-publics-website", "city-website",
    }  # fmt: skip
    assert city.settings.mastodon.instances == {"social-example": "https://social.example"}
    exercise = read_manifest(load_city(city.folder, "exercise"))
    assert {p.account for p in exercise.profiles if p.platform == "mastodon"} == {"exercise-fire-rescue@townsquare"}
    assert not city.token_path("fire-rescue-mastodon").exists(), "a real account's token is put there by hand"
    roles = Counter(grant.role for officer in manifest.officers for grant in officer.grants)
    assert roles[Role.PUBLISHER] == 2
    assert manifest.systems == (), "a system enrols on its own machine"


def test_no_key_of_anybody_is_in_clear_but_in_the_demonstration(tmp_path: Path) -> None:
    """Root keys as their owners sealed them; the others, and systems, enrol on their own machines."""
    city = make_city(tmp_path / "city", demo_plan(), seals={root: lambda _seed: b"sealed" for root in ("cao", "mcpe")})
    for realm in ("live", "exercise"):
        here = load_city(city.folder, realm)
        kept = {path.stem: path.read_bytes().strip() for path in here.key_path("x").parent.glob("*.nk")}
        assert {name for name in kept if name != "doctor"} == {"cao", "mcpe"}
        assert kept["cao"] == kept["mcpe"] == b"sealed"
        manifest = read_manifest(here)
        assert manifest.systems == ()
        assert {one.id for one in manifest.officers if one.public_key is not None} == {"cao", "mcpe"}


def test_the_brokers_user_reads_its_accounts_whatever_the_umask_is(tmp_path: Path) -> None:
    """It is in no group of the city's owner; under umask 027 it did not start. What the files hold is public."""
    umask = os.umask(0o077)
    try:
        city = make_city(tmp_path / "city", demo_plan())
    finally:
        os.umask(umask)
    folder = city.nats_conf_path.parent
    assert {mode(path) for path in folder.iterdir()} == {0o644}
    assert (mode(folder), mode(city.folder), mode(city.folder / "keys")) == (0o755, 0o700, 0o700)
