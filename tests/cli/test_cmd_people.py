"""People come, lose a key, and go: each on a desk of their own, while the city is up."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from services.kernel.authority.signing import Signer, load_key, new_seed
from tests.cli.conftest import Shell
from tests.support.desk_part import DeskPart
from tests.support.mission import PATIENCE

SEED = re.compile(rb"\bS[UAON][A-Z2-7]{56}\b")
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A person's own machine: nothing of the city is on it."""
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    yield tmp_path
    Person(tmp_path)("lock")


class Person(Shell):
    """The command on a person's own machine, without a city folder."""

    def __init__(self, home: Path) -> None:
        super().__init__(
            None,
            XDG_CONFIG_HOME=str(home / "config"),
            ONEVOICE_AGENT=str(home / "agent.sock"),
            HOME=str(home),
        )
        self.home = home

    def until(self, status: int, *words: str) -> Any:
        """Give a command until it ends with a status: the broker's users follow control a moment later."""
        deadline = time.monotonic() + PATIENCE
        while (done := self.json(*words)).status != status and time.monotonic() < deadline:
            time.sleep(0.2)
        assert done.status == status, done
        return done.body


def enrolled(city: Shell, home: Path, name: str, *more: str) -> tuple[Person, dict[str, Any]]:
    """A person with a desk of their own; what the desk printed."""
    invitation = home / "invitation"
    invited = city.json("invite", str(invitation)).body
    person = Person(home)
    done = person.json("enroll", name, "--from", str(invitation), "--passphrase-file", str(home / "passphrase"), *more)
    assert done.status == 0, done
    assert done.body["city_code"] == invited["code"]
    return person, done.body


def confirmed(city: Shell, proposed: Any, by: str = "eoc-director") -> None:
    assert proposed.status == 3, proposed
    done = city.json("officers", "confirm", str(proposed.body["proposal"]), "--as", by, "--yes")
    assert done.status == 0, done


def test_a_person_is_enrolled_added_rekeyed_revoked_and_reinstated_while_the_city_is_up(
    city: Shell, home: Path
) -> None:
    dana, made = enrolled(city, home, "dana")
    assert dana.json("eoc", "status").code == "key.locked"
    assert dana("unlock", "--for", "1h", "--passphrase-file", str(home / "passphrase")).status == 0
    assert dana.json("eoc", "status").code == "broker.denied"  # the city does not know the key yet
    key, login = made["key"], made["login"]
    added = city.json(
        "officers", "add", "dana", "--name", "Dana", "--key", key, "--login", login, "--role", "pio", "--as", "mcpe"
    )
    confirmed(city, added)
    dana.until(0, "eoc", "status")
    assert dana("crisis", "declare", "--incident", "Freshet").status == 0  # signed by the agent, and no --as
    assert dana("crisis", "end").status == 0

    # Nothing of the city's machine is on hers, and nothing is wrong with that.
    well, profiles = dana.json("doctor"), dana.json("profiles", "check")
    levels = {line["check"]: line["level"] for line in well.body["checks"]}
    assert (well.status, profiles.status) == (0, 0), (well, profiles)
    assert not {"credentials", "service web", "witnesses"} & set(levels)
    assert (levels["disk"], levels["profiles"]) == ("ok", "ok")
    assert "The credentials are not here" in profiles.err

    # A new pair of keys, by herself: the old ones are out when another officer has confirmed.
    rotated = dana.json("keys", "rotate", "--passphrase-file", str(home / "passphrase"))
    confirmed(city, rotated)
    dana("unlock", "--for", "1h", "--passphrase-file", str(home / "passphrase"))
    finished = dana.until(0, "keys", "rotate", "--finish", "--as", "dana")
    assert finished["key"] != key
    (mine,) = [one for one in dana.json("keys", "list").body if one["name"] == "dana"]
    assert mine["public_key"] == finished["key"]

    # Lost, revoked, and back with a key from another machine.
    assert city("officers", "revoke", "dana", "--as", "cao").status == 0
    again = Signer(new_seed()).public_key
    confirmed(city, city.json("officers", "reinstate", "dana", "--key", again, "--as", "cao"))
    shown = {one["id"]: one for one in city.json("officers", "list").body}
    assert (shown["dana"]["revoked"], shown["dana"]["roles"]) == (False, ["pio"])


def test_a_desk_says_what_to_send_of_who_is_listed_and_of_who_is_new(city: Shell, home: Path) -> None:
    """Whom init named is an officer without a key: for them the line that adds somebody was refused."""
    _, made = enrolled(city, home, "pio")
    refused = city.json(*shlex.split(made["add"].replace("ROLE", "pio"))[1:], "--as", "mcpe")
    assert refused.code == "officer.twice"
    assert "onevoice officers rekey" in refused.body["error"]["hint"]
    rekeyed = city.json(*shlex.split(made["rekey"])[1:], "--as", "mcpe")
    assert rekeyed.status == 3
    number = str(rekeyed.body["proposal"])
    assert city.json("officers", "decline", number, "--as", "eoc-director").status == 0, "the others use the old key"
    (home / "passphrase").write_text("five words of another pio\n")
    words = ("--from", str(home / "invitation"), "--passphrase-file", str(home / "passphrase"))
    said = Person(home)("enroll", "clerk", *words).out
    assert said.index("onevoice officers rekey clerk") < said.index("onevoice officers add clerk")


def test_what_an_invitation_says_to_type_can_be_typed(city: Shell, home: Path) -> None:
    done = city("invite", str(home / "inv é; x.invitation"))
    line = next(one for one in done.out.splitlines() if "onevoice enroll ID" in one)
    assert shlex.split(line.partition("--from ")[2])[0] == "inv é; x.invitation"


def test_a_desk_needs_no_library_that_only_services_need(city: Shell, home: Path) -> None:
    """It enrols, looks and publishes with requirements-desk.lock alone."""
    desk, folder = DeskPart(home / "libraries"), str(city.folder)
    where = {"XDG_CONFIG_HOME": str(home / "config"), "ONEVOICE_AGENT": str(home / "agent.sock")}
    assert city("invite", str(home / "invitation")).status == 0
    words = ("--from", str(home / "invitation"), "--passphrase-file", str(home / "passphrase"), "--json")
    enrolled_alone = desk.onevoice("enroll", "dana", *words, **where)
    assert json.loads(enrolled_alone.stdout)["key"].startswith("U"), enrolled_alone
    looked = desk.onevoice("eoc", "status", "--city", folder, "--json")
    assert json.loads(looked.stdout)["posture"] == "routine", looked
    post = ("--as", "fire-publisher", "--to", "fire-townsquare", "--yes", "--city", folder)
    published = desk.onevoice("publish", "Hall 1 open house on Saturday. https://mission.example/fire", *post)
    assert published.returncode == 0, published


def test_a_stolen_key_alone_adds_nobody_and_revokes_no_cao(city: Shell) -> None:
    proposed = city.json("officers", "revoke", "cao", "--as", "mcpe")
    assert proposed.status == 3
    number = str(proposed.body["proposal"])
    assert city.json("officers", "confirm", number, "--as", "mcpe", "--yes").code == "proposal.own"
    assert city.json("officers", "decline", number, "--as", "cao").code == "proposal.about"
    assert number in city("officers", "proposals").out
    assert city.json("officers", "decline", number, "--as", "pio").status == 0
    assert "Nothing waits" in city("officers", "proposals").out


def test_systems_come_and_go(city: Shell) -> None:
    key = Signer(new_seed()).public_key
    add = ("systems", "add", "alertable", "--name", "Alertable", "--key", key)
    assert city.json(*add, "--as", "clerk").code == "order.role"
    assert "alertable" in city.json(*add, "--as", "comms-officer").body["systems"]
    assert city.json("systems", "add", "other", "--name", "Other", "--key", key, "--as", "mcpe").code == "key.used"
    removed = city("systems", "remove", "alertable", "--as", "comms-officer")
    assert (removed.status, "onevoice reject --of alertable" in removed.out) == (0, True)
    assert city.json("systems", "add", "x", "--name", "X", "--key", "UABC", "--as", "mcpe").code == "key.public"


def test_settings_are_proposed_and_confirmed(city: Shell) -> None:
    proposed = city.json("settings", "set", "--second-approver", "extreme", "--approval-minutes", "20", "--as", "mcpe")
    confirmed(city, proposed, "pio")
    try:
        shown = city.json("settings", "show").body["settings"]
        assert (shown["approval_seconds"], shown["second_approver_severities"]) == (1_200, ["extreme"])
        for words, code in (
            (("settings", "set", "--as", "mcpe"), "settings.none"),
            (("settings", "set", "--second-approver", "huge", "--as", "mcpe"), "settings.invalid"),
            (("officers", "confirm", "1", "--as", "pio", "--yes"), "proposal.unknown"),
        ):
            assert city.json(*words).code == code
    finally:
        usual = ("--second-approver", "none", "--approval-minutes", "30")
        confirmed(city, city.json("settings", "set", *usual, "--as", "mcpe"), "pio")


def test_an_enrolment_keeps_what_is_there(city: Shell, home: Path) -> None:
    person, _ = enrolled(city, home, "lee")
    again = person.json(
        "enroll", "lee", "--from", str(home / "invitation"), "--passphrase-file", str(home / "passphrase")
    )
    assert again.code == "enroll.there"
    (home / "junk").write_text("{")
    assert person.json("enroll", "kim", "--from", str(home / "junk")).code == "invite.unreadable"
    (home / "short").write_text("short\n")
    short = person.json("enroll", "kim", "--from", str(home / "invitation"), "--passphrase-file", str(home / "short"))
    assert short.code == "key.passphrase_short"
    (home / "wrong").write_text("not the passphrase\n")
    assert person.json("unlock", "--passphrase-file", str(home / "wrong")).code == "key.passphrase"
    desk = home / "config" / "onevoice" / "city-of-mission"
    assert sorted(path.name for path in desk.rglob("*") if path.is_file()) == ["city.toml", "lee.login.nk", "lee.nk"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in desk.rglob("*.nk"))
    assert all(SEED.search(path.read_bytes()) is None for path in desk.rglob("*.*"))


def test_the_root_is_renewed_by_old_and_new_keys(city: Shell, home: Path) -> None:
    """A spare root key on another machine; the old ones and the new one sign the file in turn."""
    assert city.folder is not None
    file, signer = str(home / "next.root"), load_key(city.folder / "keys" / "cao.nk")
    spare, made = enrolled(city, home, "spare")
    drafted = city.json("root", "renew", file, "--add", made["key"], "--days", "400").body
    assert (drafted["version"], drafted["signed"], len(drafted["root_keys"])) == (2, [], 3)
    assert city.json("root", "submit", file, "--as", "mcpe").code == "renewal.unsigned"
    assert city.json("root", "sign", file, "--as", "cao").code == "confirm.needed", "nobody signs it unread"
    assert city.json("root", "sign", file, "--yes", "--as", "cao").body["signed"] == [signer.public_key]
    assert city.json("root", "submit", file, "--as", "mcpe").code == "renewal.signature"
    assert spare("unlock", "--for", "1h", "--passphrase-file", str(home / "passphrase")).status == 0
    assert spare.json("root", "sign", file, "--yes", "--as", "spare").status == 0
    assert len(city.json("root", "sign", file, "--yes", "--as", "mcpe").body["signed"]) == 3
    assert city.json("root", "submit", file, "--as", "mcpe").body["version"] == 2
    assert city.json("root", "submit", file, "--as", "mcpe").code == "renewal.version"
    shown = city.json("settings", "show").body
    assert (shown["version"], len(shown["root_keys"])) == (2, 3)
    (home / "next.root").write_text("{}")
    assert city.json("root", "sign", file, "--yes", "--as", "cao").code == "renewal.unreadable"
    assert city.json("root", "renew", file, "--threshold", "4").code == "renewal.threshold"


def test_a_renewal_that_is_signed_is_not_written_over(city: Shell, home: Path) -> None:
    """The second draft would take the signatures away without a word."""
    file = home / "next.root"
    assert city.json("root", "renew", str(file)).status == 0
    assert len(city.json("root", "sign", str(file), "--yes", "--as", "cao").body["signed"]) == 1
    before = file.read_bytes()
    again = city.json("root", "renew", str(file))
    assert (again.status, again.code) == (2, "renewal.exists")
    assert str(file) in again.body["error"]["message"]
    assert file.read_bytes() == before
    lost = city.json("root", "renew", str(home / "gone" / "next.root"))
    assert (lost.code, (home / "gone").exists()) == ("renewal.folder", False)


def test_a_service_gets_a_new_key_while_the_city_is_up(city: Shell) -> None:
    assert city.folder is not None
    key = city.folder / "keys" / "services" / "gatekeeper.nk"
    before = key.read_bytes()
    done = city.json("keys", "rotate", "--service", "gatekeeper")
    assert done.status == 0, done
    assert key.read_bytes() != before
    conf = city.folder / "nats" / "accounts.live.conf"
    deadline = time.monotonic() + PATIENCE
    while done.body["key"] not in conf.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    words = ("Hydrants. https://mission.example", "--to", "fire-townsquare", "--severity", "minor")
    sent = city.json("publish", *words, "--as", "mcpe", "--yes")
    assert sent.status == 0, sent
    assert city.json("keys", "rotate", "--service", "audit").status == 0
    old = load_key(city.folder / "keys" / "provision" / "live.nk").public_key
    done = city.json("keys", "rotate", "--service", "provision")
    assert done.status == 0, done
    assert old not in conf.read_text()
    assert done.body["key"] in conf.read_text()
    while (made := city.json("provision")).status != 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert made.body["created"] == []
    assert city.json("doctor").status == 0
    _losing_the_provisioning_key_is_mended_as_it_says(city, deadline)
    assert city.json("keys", "rotate", "--service", "stranger").code == "service.unknown"


def _losing_the_provisioning_key_is_mended_as_it_says(city: Shell, deadline: float) -> None:
    assert city.folder is not None
    (city.folder / "keys" / "provision" / "live.nk").unlink()
    lost = city.json("provision")
    assert (lost.status, lost.code) == (2, "key.missing")
    assert "onevoice keys rotate --service provision" in lost.body["error"]["hint"]
    [line] = [line for line in city.json("doctor").body["checks"] if line["check"] == "streams"]
    assert (line["level"], "keys rotate --service provision" in line["hint"]) == ("fail", True)
    assert city.json("keys", "rotate", "--service", "provision").status == 0
    while city.json("provision").status != 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert city.json("doctor").status == 0


def test_no_secret_is_in_what_the_city_wrote_or_said(city: Shell, home: Path) -> None:
    """After all of the above: no seed, token or passphrase outside of its own file."""
    assert city.folder is not None
    doctor = city("doctor").out + city("doctor", "--json").out + city("keys", "list", "--json").out
    doctor += "".join(city(*words).out + city(*words).err for words in (("officers", "list"), ("keys", "list")))
    tokens = [path.read_bytes().strip() for path in (city.folder / "secrets").rglob("*.token")]
    assert tokens
    own = {"keys", "secrets"}
    written = {"said": doctor.encode()}
    for path in city.folder.rglob("*"):
        # What is written comes under a name of its own, and may be moved to its place before it is read here.
        with suppress(FileNotFoundError):
            if path.is_file() and path.relative_to(city.folder).parts[0] not in own and path.suffix != ".tmp":
                written[str(path)] = path.read_bytes()
    assert len(written) > 20
    for name, raw in written.items():
        assert SEED.search(raw) is None, name
        assert PASSPHRASE.encode() not in raw, name
        if "townsquare" not in name:  # the practice platform keeps the tokens that it gave out
            assert not any(token in raw for token in tokens), name
