"""``onevoice profiles connect``: each platform's login with its emulator, the townsquare's with a browser's form."""

from __future__ import annotations

import asyncio
import http.cookiejar
import os
import re
import shutil
import stat
import threading
import urllib.error
import urllib.parse
import urllib.request
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.desk.city.profile_check import token_problems
from services.desk.connect import mastodon, ways
from services.desk.connect.consent import Consent
from services.desk.connect.person import TerminalPerson
from services.fanout.connectors.credentials.tokens import TokenFault, expiry_of, read_token, renewal_path
from services.kernel.base.city import load_city
from services.kernel.base.errors import BadInput
from services.townsquare.server import start
from tests.cli.conftest import Done, Shell
from tests.cli.terminal import ask, read
from tests.support.emulators import facebook, instagram, linkedin, meta, nextdoor, telegram, threads, x
from tests.support.emulators.base import Emulator, Place
from tests.support.emulators.hooks import SlackEmulator, TeamsEmulator
from tests.support.emulators.hosted import hosted
from tests.support.emulators.mail import PASSWORD, USER, MailServer
from tests.support.emulators.oauth import CLIENT, SECRET
from tests.support.mission import PATIENCE
from tests.support.ports import free_port

PLATFORMS = ("x", "facebook", "linkedin", "threads", "instagram", "telegram", "nextdoor")
APPLICATION = f"{CLIENT}\n{SECRET}\n".encode()
KEYS = b"appfire\nappsecretfire\n"


@dataclass
class Browser:
    """Opens the address that the command opens, as a person who agrees does; ``page`` is what it shows in the end."""

    page: str = ""
    address: str = ""
    tamper: str = ""
    threads: list[threading.Thread] = field(default_factory=list)

    def open(self, address: str) -> bool:
        thread = threading.Thread(target=self._go, args=(address,), daemon=True)
        self.threads.append(thread)
        thread.start()
        return True

    def _go(self, address: str) -> None:
        if self.tamper:
            back = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["redirect_uri"][0]
            self._get(f"{back}?{self.tamper}")
        self._get(address)

    def _get(self, address: str) -> None:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        try:
            with opener.open(address, timeout=PATIENCE) as answer:
                self.page, self.address = answer.read().decode(), answer.url
        except urllib.error.HTTPError as error:
            self.page, self.address = error.read().decode(), error.url


@dataclass(frozen=True)
class Desk:
    """A city folder, the emulators of its platforms, and a browser."""

    city: Shell
    folder: Path
    of: dict[str, Any]
    port: int

    def connect(self, platform: str, *words: str, stdin: bytes = b"", profile: str = "") -> Done:
        name = profile or f"fire-{platform}"
        return self.city.json("profiles", "connect", platform, name, "--port", str(self.port), *words, stdin=stdin)

    def token(self, name: str, realm: str = "live") -> Path:
        return self.folder / "secrets" / realm / f"{name}.token"


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, Any]]:
    made: dict[str, Any] = {
        "x": x.XEmulator(),
        "facebook": facebook.FacebookEmulator(),
        "linkedin": linkedin.LinkedInEmulator(),
        "threads": threads.ThreadsEmulator(),
        "instagram": instagram.InstagramEmulator(),
        "telegram": telegram.TelegramEmulator(),
        "nextdoor": nextdoor.NextdoorEmulator(),
        "slack": SlackEmulator(),
        "teams": TeamsEmulator(),
        "email": MailServer(),
    }
    with hosted(*made.values()):
        yield made
    for place in made.values():
        if isinstance(place, Emulator):
            place.only_documented()


@pytest.fixture
def desk(made_folder: Path, tmp_path: Path, emulators: dict[str, Any]) -> Desk:
    folder = Path(shutil.copytree(made_folder, tmp_path / "mission"))
    port, text = free_port(), (folder / "city.toml").read_text().partition("\n[email]")[0]
    for name in PLATFORMS:
        url = emulators[name].url
        text += f'\n[{name}]\nserver = "{url}"\n' + ("" if name == "x" else f'site = "{url}"\n')
    text = text.replace("[nextdoor]\n", f'[nextdoor]\nlogin = "{emulators["nextdoor"].url}"\n')
    text = text.replace("[instagram]\n", f'[instagram]\nlogin = "{emulators["instagram"].url}"\n')
    text += f'\n[email]\nhost = "127.0.0.1"\nport = {emulators["email"].port}\nsecurity = "none"\n'
    text += f'sender = "office@mission.example"\nusername = "{USER}"\n'
    text += '\n[webhook.endpoints]\nsirens = "https://sirens.example/in"\n'
    (folder / "city.toml").write_text(text)
    back = f"http://127.0.0.1:{port}/callback"
    for name in ("facebook", "linkedin", "threads", "instagram", "nextdoor"):
        logins = emulators[name].logins
        logins.registered, logins.withheld, logins.agrees, logins.account = (back,), frozenset(), True, "1001"
    emulators["facebook"].pages, emulators["facebook"].ends_at = ["1001"], 0
    emulators["x"].registered, emulators["x"].access, emulators["x"].login = (back, "oob"), "read-write", "fire"
    return Desk(Shell(folder), folder, emulators, port)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    made = Browser()
    monkeypatch.setattr(webbrowser, "open", made.open)
    return made


def kept(desk: Desk, done: Done, name: str) -> str:
    """Return the credential that was stored, after a look at its mode and that nobody was shown it."""
    assert done.status == 0, done
    path = desk.token(name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    credential = path.read_text().strip()
    for part in [credential, *credential.split(":")]:
        assert len(part) < 6 or part not in done.out + done.err
    assert not [one for one in path.parent.iterdir() if one.name.startswith(".connect-")]
    return credential


OAUTH = {
    "x": (KEYS, x.credential("fire"), "fire", ["read", "write"]),
    "facebook": (APPLICATION, facebook.token_of("1001"), "1001", list(facebook.RIGHTS)),
    "linkedin": (APPLICATION, linkedin.token_of("1001"), "1001", list(linkedin.RIGHTS)),
    "threads": (APPLICATION, meta.token_of("1001"), "1001", list(threads.ThreadsEmulator.rights)),
    "instagram": (APPLICATION, meta.token_of("1001"), "1001", list(instagram.InstagramEmulator.rights)),
}
OAUTH["nextdoor"] = APPLICATION, nextdoor.token_of("1001"), "1001", list(nextdoor.RIGHTS)
SIXTY_DAYS = ("linkedin", "threads", "instagram")


@pytest.mark.parametrize("platform", OAUTH)
def test_a_login_in_the_browser_gives_a_credential(desk: Desk, browser: Browser, platform: str) -> None:
    """It is what the connector reads, checked by it; the command says what it may do and when it ends."""
    typed, credential, account, may = OAUTH[platform]
    done = desk.connect(platform, stdin=typed)
    assert kept(desk, done, f"fire-{platform}") == credential
    assert (done.body["account"], done.body["may"]) == (account, may)
    browser.threads[0].join(PATIENCE)
    assert "<h1>Done</h1>" in browser.page
    end = expiry_of(desk.token(f"fire-{platform}"))
    if platform in SIXTY_DAYS:
        assert end is not None
        assert timedelta(days=59) < end - datetime.now(UTC) < timedelta(days=61)
        assert datetime.fromisoformat(done.body["expires"]) == end
    elif platform == "nextdoor":
        assert end is not None
    else:
        assert end is None
        assert done.body["expires"] is None


@pytest.mark.parametrize("platform", ["threads", "linkedin"])
def test_the_address_can_be_pasted(desk: Desk, browser: Browser, platform: str) -> None:
    """Where the browser is elsewhere: the command prints the address, opens nothing and takes what came back."""
    back = f"http://127.0.0.1:{desk.port}/callback"
    desk.of[platform].logins.codes["code-1"] = back, tuple(OAUTH[platform][3])
    done = desk.connect(platform, "--paste", stdin=APPLICATION + b"code-1\n")
    assert kept(desk, done, f"fire-{platform}") == OAUTH[platform][1]
    assert "client_id=5551001" in done.err
    assert browser.threads == []
    foreign = desk.connect(platform, "--paste", stdin=APPLICATION + f"{back}?code=code-2&state=other\n".encode())
    assert (foreign.status, foreign.code) == (2, "connect.foreign")


def test_x_shows_a_pin_where_the_browser_is_elsewhere(desk: Desk, browser: Browser) -> None:
    """The PIN is the verifier; another one opens nothing."""
    emulator = desk.of["x"]
    done = desk.connect("x", "--paste", stdin=KEYS + f"pin{emulator._number + 2}\n".encode())
    assert kept(desk, done, "fire-x") == x.credential("fire")
    wrong = desk.connect("x", "--paste", stdin=KEYS + b"pin1\n")
    assert (wrong.status, wrong.code) == (2, "connect.refused")
    assert browser.threads == []


def test_the_way_back_may_be_the_citys_own_address(desk: Desk, browser: Browser) -> None:
    """Where a platform takes no address on this machine: the browser ends there, and its address is pasted."""
    back = "https://mission.example/oauth"
    logins = desk.of["threads"].logins
    logins.registered, logins.codes["code-3"] = (back,), (back, tuple(OAUTH["threads"][3]))
    done = desk.connect("threads", "--redirect", back, stdin=APPLICATION + b"code-3\n")
    assert kept(desk, done, "fire-threads") == OAUTH["threads"][1]
    assert "redirect_uri=https%3A%2F%2Fmission.example%2Foauth" in done.err
    denied = f"{back}?error=access_denied&error_description=No&state=x\n".encode()
    assert desk.connect("threads", "--redirect", back, stdin=APPLICATION + denied).code == "connect.foreign"


def test_an_answer_of_another_login_ends_nothing(desk: Desk, browser: Browser) -> None:
    """Any page of the browser may call the way back; only the answer to this login counts."""
    browser.tamper = "code=stolen&state=guessed"
    done = desk.connect("threads", stdin=APPLICATION)
    assert kept(desk, done, "fire-threads") == meta.token_of("1001")


def test_who_does_not_agree_stores_nothing(desk: Desk, browser: Browser) -> None:
    desk.of["threads"].logins.agrees = False
    done = desk.connect("threads", stdin=APPLICATION)
    assert (done.status, done.code) == (2, "connect.denied")
    assert "denied" in done.body["error"]["message"]
    assert not desk.token("fire-threads").exists()


@pytest.mark.parametrize(
    ("platform", "right"),
    [("facebook", "pages_manage_posts"), ("linkedin", "w_organization_social"), ("threads", "threads_delete")],
)
def test_a_right_that_was_not_granted_is_named(desk: Desk, browser: Browser, platform: str, right: str) -> None:
    desk.of[platform].logins.withheld = frozenset({right})
    done = desk.connect(platform, stdin=APPLICATION)
    assert (done.status, done.code) == (4, "connect.rights")
    assert right in done.body["error"]["message"]
    assert not desk.token(f"fire-{platform}").exists()


@pytest.mark.parametrize(
    ("platform", "right"),
    [
        ("facebook", "pages_manage_engagement"),
        ("instagram", "instagram_business_manage_comments"),
        ("linkedin", "w_organization_social_feed"),
    ],
)
def test_without_the_right_to_answer_it_is_kept_with_a_remark(
    desk: Desk, browser: Browser, platform: str, right: str
) -> None:
    """Posting comes first: who left that box unchecked can still warn the town."""
    desk.of[platform].logins.withheld = frozenset({right})
    done = desk.connect(platform, stdin=APPLICATION)
    desk.of[platform].logins.withheld = frozenset()
    assert done.status == 0, done.body
    [said] = [one for one in done.body["remarks"] if right in one]
    assert "may post" in said
    assert all(right not in one for one in desk.connect(platform, "--yes", stdin=APPLICATION).body["remarks"])


def test_keys_that_may_only_read_are_refused(desk: Desk, browser: Browser) -> None:
    desk.of["x"].access = "read"
    done = desk.connect("x", stdin=KEYS)
    assert (done.status, done.code) == (4, "connect.rights")
    assert not desk.token("fire-x").exists()


def test_the_wrong_account_is_refused(desk: Desk, browser: Browser) -> None:
    """Somebody is logged in as another department: its keys are not stored for this profile."""
    desk.of["x"].login = "water"
    done = desk.connect("x", "--account", "fire", stdin=KEYS)
    assert (done.status, done.code) == (4, "connect.other_account")
    assert "@water" in done.body["error"]["message"]
    desk.of["threads"].logins.account = "2002"
    done = desk.connect("threads", "--account", "1001", stdin=APPLICATION)
    assert (done.status, done.code) == (4, "connect.other_account")


def test_a_neighbour_is_no_agency(desk: Desk, browser: Browser) -> None:
    desk.of["nextdoor"].agency = False
    done = desk.connect("nextdoor", stdin=APPLICATION)
    desk.of["nextdoor"].agency = True
    assert (done.status, done.code) == (4, "connect.other_account")


def test_of_several_pages_a_person_says_which(desk: Desk, browser: Browser) -> None:
    desk.of["facebook"].pages = ["1001", "2002"]
    done = desk.connect("facebook", stdin=APPLICATION + b"2002\n")
    assert kept(desk, done, "fire-facebook") == facebook.token_of("2002")
    done = desk.connect("facebook", "--account", "3003", stdin=APPLICATION)
    assert (done.status, done.code) == (2, "connect.account")
    assert kept(desk, desk.connect("facebook", "--account", "1001", stdin=APPLICATION), "fire-facebook")


def test_a_page_token_that_ends_says_when(desk: Desk, browser: Browser) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    desk.of["facebook"].ends_at = int(end.timestamp())
    assert kept(desk, desk.connect("facebook", stdin=APPLICATION), "fire-facebook")
    assert expiry_of(desk.token("fire-facebook")) == end
    desk.of["facebook"].ends_at = 0
    assert kept(desk, desk.connect("facebook", "--yes", stdin=APPLICATION), "fire-facebook")
    assert expiry_of(desk.token("fire-facebook")) is None


def test_a_credential_that_ended_is_named(desk: Desk, browser: Browser) -> None:
    """``profiles check`` says so before a platform is asked."""
    desk.of["facebook"].ends_at = int(datetime.now(UTC).timestamp()) - 60
    assert kept(desk, desk.connect("facebook", stdin=APPLICATION), "fire-facebook")
    [problem] = token_problems(load_city(desk.folder), "fire-facebook")
    assert "ended at" in problem


def test_an_application_that_the_platform_does_not_know(desk: Desk, browser: Browser) -> None:
    """The platform's words, without the secret."""
    done = desk.connect("linkedin", "--paste", stdin=f"{CLIENT}\nanother-secret-word\ncode\n".encode())
    assert (done.status, done.code) == (2, "connect.refused")
    assert "another-secret-word" not in done.out + done.err


def test_questions_are_enough_elsewhere(desk: Desk) -> None:
    """A bot's token, webhooks' addresses, a mail account's password; each is checked without posting."""
    slack, teams = desk.of["slack"].url, desk.of["teams"].url
    hook, flow = f"{slack}/services/T0/B0/alerts", f"{teams}/workflows/alerts/triggers/manual/paths/invoke?sig=a+b/c="
    for platform, account, typed in (
        ("telegram", "@MissionFire", telegram.TOKEN),
        ("slack", "#alerts", hook),
        ("teams", "alerts", flow),
        ("email", "news@mission.example", PASSWORD),
    ):
        done = desk.connect(platform, "--account", account, stdin=f"{typed}\n".encode())
        assert kept(desk, done, f"fire-{platform}") == typed
        assert done.body["account"] == account
    assert all(not desk.of[name].posts for name in ("telegram", "slack", "teams", "email"))
    done = desk.connect("telegram", "--account", "@elsewhere", stdin=f"{telegram.TOKEN}\n".encode())
    assert (done.status, done.code) == (4, "connect.rights")
    wrong = desk.connect("email", "--account", "news@mission.example", stdin=b"not-it\n")
    assert (wrong.status, wrong.code) == (4, "connect.not_usable")
    assert desk.token("fire-email").read_text().strip() == PASSWORD, "what works is not lost by a try"


def test_a_webhooks_secret_is_made_and_never_shown(desk: Desk) -> None:
    done = desk.connect("webhook", "--account", "sirens")
    assert kept(desk, done, "fire-webhook").startswith("whsec_")
    assert done.body["stored"] == "secrets/live/fire-webhook.token"
    other = desk.connect("webhook", "--account", "bells")
    assert (other.status, other.code) == (2, "connect.server")


def test_the_realms_never_share_a_credential(desk: Desk) -> None:
    """What the live realm has is no credential of an exercise."""
    given = ("--account", "@MissionFire")
    assert desk.connect("telegram", *given, stdin=f"{telegram.TOKEN}\n".encode()).status == 0
    done = desk.connect("telegram", *given, "--realm", "exercise", stdin=f"{telegram.TOKEN}\n".encode())
    assert (done.status, done.code) == (2, "realms.token")
    assert not desk.token("fire-telegram", "exercise").exists()


def test_a_credential_that_somebody_has_is_checked_and_kept(desk: Desk) -> None:
    """A system user's Page token, say, made in the platform's own pages."""
    given = ("--credential", "--account", "1001")
    done = desk.connect("facebook", *given, stdin=f"{facebook.token_of('1001')}\n".encode())
    assert kept(desk, done, "fire-facebook") == facebook.token_of("1001")
    other = desk.connect("facebook", *given, stdin=f"{facebook.token_of('2002')}\n".encode())
    assert (other.status, other.code) == (4, "connect.not_usable")


def test_a_credential_may_be_kept_elsewhere(desk: Desk, tmp_path: Path) -> None:
    """The file says where it is; a copy of it in the other realm is found out, whatever the reference is called."""
    secret = tmp_path / "page-token"
    secret.touch(mode=0o600)
    secret.write_text(facebook.token_of("1001"))
    given = ("--account", "1001", "--reference")
    done = desk.connect("facebook", *given, f"file:{secret}")
    assert (done.status, done.body["account"]) == (0, "1001"), done
    path = desk.token("fire-facebook")
    assert path.read_text().strip() == f"file:{secret}"
    assert read_token(path) == facebook.token_of("1001")
    other = desk.connect(
        "facebook", "--account", "1001", "--credential", "--realm", "exercise", stdin=secret.read_bytes()
    )
    assert (other.status, other.code) == (2, "realms.token")
    for wrong in ("file:page-token", f"file:{tmp_path}/nothing", "env:ONEVOICE_NO_SUCH", "exec:page-token", "nonsense"):
        refused = desk.connect("facebook", *given, wrong)
        assert (refused.status, refused.code) == (2, "connect.reference"), wrong
    secret.chmod(0o644)
    refused = desk.connect("facebook", *given, f"file:{secret}")
    assert "can be read by others" in refused.body["error"]["message"]
    assert path.read_text().strip() == f"file:{secret}"
    printed = desk.connect("facebook", *given, f"exec:/bin/cat {secret}")
    assert (printed.status, path.read_text().strip()) == (0, f"exec:/bin/cat {secret}"), printed


def test_credentials_are_sealed_with_a_key_that_lies_elsewhere(desk: Desk, tmp_path: Path) -> None:
    """What is there and what comes later; a reference stays one; another key seals all anew."""
    given = ("--account", "@MissionFire")
    assert desk.connect("telegram", *given, stdin=f"{telegram.TOKEN}\n".encode()).status == 0
    path, key, other = desk.token("fire-telegram"), tmp_path / "key", tmp_path / "other"
    desk.token("fire-x").touch(mode=0o600)
    desk.token("fire-x").write_text("env:FIRE_X_KEYS\n")
    for wrong in ("a-key-itself", f"file:{desk.folder}/key", "file:key", "env:ONEVOICE_NO_SUCH"):
        refused = desk.city.json("profiles", "seal", "--key", wrong, "--yes")
        assert (refused.status, refused.code) == (2, "seal.key"), wrong
    assert path.read_text().strip() == telegram.TOKEN
    for one in (key, other):
        done = desk.city.json("profiles", "seal", "--key", f"file:{one}", "--yes")
        assert done.status == 0, done
        assert done.body["key_made"] is True
        assert "fire-telegram.token" in done.body["sealed"]
        assert done.body["elsewhere"] == ["fire-x.token"]
        assert stat.S_IMODE(one.stat().st_mode) == stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().startswith("sealed:")
        assert read_token(path) == telegram.TOKEN
    key.unlink()
    assert desk.connect("telegram", *given, "--yes", stdin=f"{telegram.TOKEN}\n".encode()).status == 0
    assert path.read_text().startswith("sealed:")
    assert read_token(path) == telegram.TOKEN
    kept = other.read_bytes()
    other.unlink()
    refused = desk.connect("telegram", *given, "--yes", stdin=f"{telegram.TOKEN}\n".encode())
    assert (refused.status, refused.code) == (2, "connect.key"), refused
    failed = desk.city.json("profiles", "seal", "--key", f"file:{key}", "--yes")
    assert failed.status == 2
    assert "fire-telegram.token" in failed.body["failed"]
    other.touch(mode=0o600)
    other.write_bytes(kept)
    assert read_token(path) == telegram.TOKEN, "the old key stays named while it is needed"


def test_linkedin_says_oddly_how_long_it_renews(desk: Desk, browser: Browser) -> None:
    """The login is used up by then: its token is kept all the same, and nothing is promised that was not read."""
    server = desk.of["linkedin"]
    server.refresh_token, server.refresh_lasts = "a-refresh-token", "a year"
    done = desk.connect("linkedin", "--yes", stdin=APPLICATION)
    server.refresh_token, server.refresh_lasts = "", linkedin.YEAR
    assert "refresh_token_expires_in must be integer" in server.undocumented.pop()
    assert kept(desk, done, "fire-linkedin") == linkedin.token_of("1001")
    assert done.body["remarks"] == []


def test_linkedin_gives_what_renews_its_token(desk: Desk, browser: Browser) -> None:
    """To a partner's application; it is kept beside the token, mode 0600, and never shown."""
    desk.of["linkedin"].refresh_token = "a-refresh-token"
    done = desk.connect("linkedin", stdin=APPLICATION)
    desk.of["linkedin"].refresh_token = ""
    assert kept(desk, done, "fire-linkedin") == linkedin.token_of("1001")
    path = renewal_path(desk.token("fire-linkedin"))
    assert read_token(path) == f"{CLIENT}:{SECRET}:a-refresh-token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "a-refresh-token" not in done.out + done.err
    assert done.body["remarks"] == ["it is renewed by itself for 365 days"]
    assert kept(desk, desk.connect("linkedin", "--yes", stdin=APPLICATION), "fire-linkedin")
    assert not path.exists(), "what renewed the credential before renews nothing of the new one"


def test_a_credential_may_be_in_the_environment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.token("fire-x")
    path.touch(mode=0o600)
    path.write_text("env:FIRE_X_KEYS\n")
    monkeypatch.setenv("FIRE_X_KEYS", x.credential("fire"))
    assert read_token(path) == x.credential("fire")
    monkeypatch.delenv("FIRE_X_KEYS")
    with pytest.raises(TokenFault, match="FIRE_X_KEYS holds no token"):
        read_token(path)


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        (("myspace",), b"", "connect.platform"),
        (("website",), b"", "connect.platform"),
        (("bluesky",), b"", "connect.account"),
        (("mastodon",), b"", "connect.account"),
        (("mastodon", "--account", "fire@nowhere"), b"", "connect.server"),
        (("slack", "--account", "#a"), b"ftp://hooks.example/x\n", "connect.form"),
        (("telegram", "--account", "@a"), b"not a token\n", "connect.form"),
        (("telegram", "--account", "@a"), b"", "connect.no_answer"),
        (("x",), b"appfire\n", "connect.no_answer"),
    ],
)
def test_what_cannot_be_is_one_clear_error(desk: Desk, words: tuple[str, ...], stdin: bytes, code: str) -> None:
    done = desk.connect(words[0], *words[1:], stdin=stdin)
    assert (done.status, done.code) == (2, code)
    assert done.body["error"]["hint"]


def test_a_platform_that_is_away_is_exit_6(desk: Desk) -> None:
    text = (desk.folder / "city.toml").read_text()
    away = f"http://127.0.0.1:{free_port()}"
    (desk.folder / "city.toml").write_text(text.replace(desk.of["telegram"].url, away))
    done = desk.connect("telegram", "--account", "@a", stdin=b"1:abc\n")
    assert (done.status, done.code) == (6, "connect.unreachable")


def test_the_way_back_may_be_taken(desk: Desk, browser: Browser) -> None:
    """Another program listens there: the error says what to type."""
    with hosted(SlackEmulator()) as _:
        taken = SlackEmulator()
        with hosted(taken):
            port = taken.url.rpartition(":")[2]
            done = desk.city.json("profiles", "connect", "threads", "fire-threads", "--port", port, stdin=APPLICATION)
    assert (done.status, done.code) == (2, "port.in_use")
    assert "--port" in done.body["error"]["hint"]


class _Officer(Browser):
    """Fills in the townsquare's form: the account, the operator's token, and agrees."""

    def __init__(self, password: str, account: str) -> None:
        super().__init__()
        self.password, self.account = password, account

    def _get(self, address: str) -> None:
        super()._get(address)
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', self.page))
        form = fields | {"account": self.account, "password": self.password, "answer": "agree"}
        where = address.partition("?")[0]
        try:
            with urllib.request.urlopen(where, urllib.parse.urlencode(form).encode(), timeout=PATIENCE) as answer:
                self.page = answer.read().decode()
        except urllib.error.HTTPError as error:
            self.page = error.read().decode()


class _Townsquare(Place):
    """A city's townsquare, as ``hosted`` starts it."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__()
        self.folder, self.port = folder, port

    async def start(self) -> None:
        self.running = await start(load_city(self.folder), self.port)

    async def stop(self) -> None:
        await self.running.stop()


@pytest.fixture
def square(desk: Desk) -> Iterator[str]:
    """The townsquare is up; this is the operator's token."""
    section = load_city(desk.folder).settings.townsquare
    assert section is not None
    with hosted(_Townsquare(desk.folder, section.port)):
        yield (desk.folder / "var" / "townsquare" / "admin.token").read_text().strip()


def test_the_townsquare_is_connected_as_mastodon_is(desk: Desk, square: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application registers itself, the operator agrees, PKCE is proven; what other logins have stays good."""
    officer = _Officer(square, "fire")
    monkeypatch.setattr(webbrowser, "open", officer.open)
    before = desk.token("fire-townsquare").read_text()
    done = desk.connect("mastodon", profile="fire-townsquare")
    assert kept(desk, done, "fire-townsquare") != before.strip()
    assert done.body["account"] == "fire@townsquare"
    assert set(done.body["may"]) == set(mastodon.SCOPES)
    given = ("--credential", "--account", "fire@townsquare")
    assert desk.connect("mastodon", *given, profile="fire-townsquare", stdin=before.encode()).status == 0
    water = _Officer(square, "water")
    monkeypatch.setattr(webbrowser, "open", water.open)
    done = desk.connect("mastodon", profile="fire-townsquare")
    assert (done.status, done.code) == (4, "connect.other_account")


def test_a_mastodon_server_may_be_given_by_its_host(desk: Desk, square: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its address has it (fire@social.example); the profile's account has the name that city.toml knows it by."""
    section = load_city(desk.folder).settings.townsquare
    assert section is not None
    toml = desk.folder / "city.toml"
    text = toml.read_text().replace("[mastodon.instances]\n", "")
    toml.write_text(f'{text}\n[mastodon.instances]\nsocial = "http://127.0.0.1:{section.port}"\n')
    officer = _Officer(square, "fire")
    monkeypatch.setattr(webbrowser, "open", officer.open)
    done = desk.connect("mastodon", "--account", "fire@127.0.0.1", profile="fire-townsquare-2")
    assert (done.status, done.body.get("account")) == (0, "fire@social"), done
    unknown = desk.connect("mastodon", "--account", "fire@social.example", profile="fire-townsquare-2", stdin=b"")
    assert unknown.code == "connect.server", unknown
    hint = unknown.body["error"]["hint"]
    assert hint == 'add: social-example = "https://social.example"'
    toml.write_text(toml.read_text() + hint.removeprefix("add: ") + "\n")
    assert load_city(desk.folder).settings.mastodon.instances["social-example"] == "https://social.example"


def test_the_townsquare_lets_nobody_in_without_the_operator(
    desk: Desk, square: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong token, a code that was never given: no credential."""
    stranger, person = _Officer("guess", "fire"), TerminalPerson()
    monkeypatch.setattr(webbrowser, "open", stranger.open)
    asked = Consent(person, desk.port, wait=1.0)
    way = ways.way_of("mastodon", as_given=False)
    with pytest.raises(BadInput, match=r"connect\.no_consent|nobody agreed"):
        asyncio.run(ways.got(load_city(desk.folder), "mastodon", "fire@townsquare", person, asked, way))
    assert "is not right" in stranger.page
    done = desk.connect("mastodon", "--paste", profile="fire-townsquare", stdin=b"guessed\n")
    assert (done.status, done.code) == (2, "connect.refused")
    assert "urn%3Aietf" in done.err


def test_a_terminal_shows_no_secret(desk: Desk) -> None:
    """What is typed is not shown, and Ctrl-C stores nothing."""
    words = ["profiles", "connect", "telegram", "fire-telegram", "--account", "@MissionFire"]
    leader, process, _ = ask(desk.city, words, "bot's token (not shown)")
    os.write(leader, f"{telegram.TOKEN}\n".encode())
    said = read(leader, PATIENCE, process) + read(leader, 0.3)
    assert process.wait(PATIENCE) == 0, said
    assert telegram.TOKEN not in said
    assert "The credential of fire-telegram is stored" in said
    os.close(leader)
    leader, process, _ = ask(desk.city, [*words[:3], "water-telegram", *words[4:]], "bot's token (not shown)")
    os.write(leader, b"\x03")
    assert process.wait(PATIENCE) == 130
    os.close(leader)
    assert not desk.token("water-telegram").exists()
