"""The accounts as text: nobody but provisioning lives with the ledger, and each passage has two matching ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import pytest

from schemas import flow, streams, subjects
from services.provision.accounts import permissions
from services.provision.accounts.accounts_conf import provisioner_of, render_accounts, service_account
from services.provision.accounts.server_conf import Cluster, ServerSettings, render_server, settled
from tests.unit.provision.test_permissions import users


@dataclass(frozen=True)
class Account:
    """One account of the text. Exports: kind, subject, response type, to whom; imports: kind, from, subject, as."""

    text: str
    users: list[str]
    exports: list[tuple[str, str, str, list[str]]]
    imports: list[tuple[str, str, str, str]]


def read(text: str) -> dict[str, Account]:
    found = {}
    for name, body in re.findall(r"^  ([A-Z_]+) \{\n(.*?)^  \}$", text, re.MULTILINE | re.DOTALL):
        names = re.findall(r"^      # (\S+)$", body, re.MULTILINE)
        exports = re.findall(
            r'\{ (service|stream): "([^"]+)"(, response_type: stream)?, accounts: \[([^\]]*)\] \}', body
        )
        imports = re.findall(
            r'\{ (service|stream): \{ account: ([A-Z_]+), subject: "([^"]+)" \}(?:, to: "([^"]+)")? \}', body
        )
        found[name] = Account(
            body,
            names,
            [(kind, subject, kind_of, to.split(", ")) for kind, subject, kind_of, to in exports],
            imports,
        )
    return found


ACCOUNTS = read(render_accounts(users(web="Uweb")))
CORE, DESK, WEB = ACCOUNTS["LIVE_CORE"], ACCOUNTS["LIVE_DESK"], ACCOUNTS["LIVE_WEB"]
OWN = {row.name: ACCOUNTS[service_account("live", row)] for row in flow.SERVICES}
ROWS = pytest.mark.parametrize("row", flow.SERVICES, ids=lambda row: row.name)


def test_each_service_has_an_account_of_its_own_and_people_share_one() -> None:
    assert set(ACCOUNTS) == {
        "LIVE_CORE",
        "LIVE_DESK",
        "LIVE_WEB",
        *(service_account("live", row) for row in flow.SERVICES),
    }
    assert {name: account.users for name, account in OWN.items()} == {row.name: [row.user] for row in flow.SERVICES}
    assert DESK.users == ["cao", "drivebc"]


def test_the_provisioning_users_key_is_found_in_the_text() -> None:
    """Who lost it takes its place."""
    text = render_accounts(users())
    key = "U" + "A" * 55
    assert provisioner_of(text.replace(f"nkey: {users().provision},", f"nkey: {key},", 1), "live") == key
    assert provisioner_of(text.replace(users().provision, key), "exercise") is None
    assert provisioner_of("", "live") is None


def test_nobody_but_provisioning_lives_with_the_ledger() -> None:
    """A reply subject of anybody who lived there could lead into it."""
    assert CORE.users == [permissions.PROVISION_USER]
    assert CORE.imports == []
    assert [name for name, account in ACCOUNTS.items() if "jetstream: enabled" in account.text] == ["LIVE_CORE"]


def test_each_import_has_its_export_and_each_export_is_imported() -> None:
    taken = {
        (source, kind, subject, name)
        for name, account in ACCOUNTS.items()
        for kind, source, subject, _ in account.imports
    }
    given = {
        (name, kind, subject, to)
        for name, account in ACCOUNTS.items()
        for kind, subject, _, accounts in account.exports
        for to in accounts
    }
    assert taken == given


def test_nothing_is_exported_to_everybody() -> None:
    for account in ACCOUNTS.values():
        assert account.text.count('{ service: "') + account.text.count('{ stream: "') == len(account.exports)


def test_a_subject_of_the_ledger_leads_to_who_writes_it_alone() -> None:
    for kind, subject, _, accounts in CORE.exports:
        if subject.startswith("ledger."):
            writers = [
                service_account("live", row)
                for row in flow.SERVICES
                if any(permissions.imported(wanted) == subject for wanted in row.writes)
            ]
            assert (kind, accounts) == ("service", writers)


def test_no_account_imports_a_subject_of_a_stream_literally() -> None:
    """The server would follow such an import for an answer, too (tests.integration.provision.test_accounts)."""
    stored = [one for stream in streams.STREAMS for one in stream.subjects if not one.startswith("$")]
    for account in OWN.values():
        for kind, _, subject, _ in account.imports:
            if kind == "service" and any(subjects.matches(one, subject) for one in stored):
                assert "*" in subject


def test_the_desk_reaches_services_and_never_the_ledgers_account() -> None:
    assert "LIVE_CORE" not in DESK.text
    at_the_desk = (*flow.OFFICER_MAY_SEND, *flow.SYSTEMS_LANE.values())
    for account, sent in ((DESK, at_the_desk), (WEB, flow.WEB_MAY_SEND)):
        assert "LIVE_CORE" not in account.text
        served = {(service_account("live", row), one) for row in flow.SERVICES for one in row.serves if one in sent}
        taken = {(source, subject) for kind, source, subject, _ in account.imports if kind == "service"}
        assert taken == {(source, subjects.every_user(one)) for source, one in served}
        heard = {subject for kind, _, subject, _ in account.imports if kind == "stream"}
        assert heard == {subjects.BOARD_ALL, subjects.EOC_STATE}


def test_the_web_service_lives_alone() -> None:
    """What it watches cannot be forged by somebody in the same account, and a city without its key has none."""
    assert WEB.users == [flow.WEB]
    assert "LIVE_WEB" not in read(render_accounts(users()))


@ROWS
def test_services_take_from_each_other_broadcasts_alone(row: flow.Service) -> None:
    """No service can ask another one, or be answered in its name."""
    others = [one for one in OWN[row.name].imports if one[1] != "LIVE_CORE"]
    assert {kind for kind, *_ in others} <= {"stream"}
    said = {subject for one in flow.SERVICES for subject in (*one.broadcasts, one.heartbeat)}
    assert {subject for _, _, subject, _ in others} <= said
    for _, _, subject, _ in others:
        assert any(subjects.matches(wanted, subject) for wanted in row.subscribes)


@ROWS
def test_what_a_service_hears_reaches_it(row: flow.Service) -> None:
    """Each broadcast that it hears is imported; its own reach it anyway."""
    imported = {subject for kind, _, subject, _ in OWN[row.name].imports if kind == "stream"}
    for wanted in row.subscribes:
        said = {subject for one in flow.SERVICES if one != row for subject in (*one.broadcasts, one.heartbeat)}
        assert {subject for subject in said if subjects.matches(wanted, subject)} <= imported


@ROWS
def test_the_ledgers_interface_has_a_name_of_its_own_in_a_services_account(row: flow.Service) -> None:
    """Under $JS.API the server answers for the service's own account, which has no JetStream."""
    for kind, source, subject, renamed in OWN[row.name].imports:
        if kind == "service" and subject.startswith("$JS.API."):
            assert source == "LIVE_CORE"
            assert renamed == streams.SERVICE_API + subject.removeprefix("$JS.API")
        else:
            assert renamed == ""


@ROWS
def test_an_import_of_several_answers_is_exported_as_such(row: flow.Service) -> None:
    streaming = set(permissions.imports_of(row).streaming)
    several = {subject for kind, subject, kind_of, _ in CORE.exports if kind == "service" and kind_of}
    for kind, source, subject, renamed in OWN[row.name].imports:
        if kind == "service" and source == "LIVE_CORE":
            assert ((renamed or subject) in streaming) == (subject in several)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("var/nats", "/srv/city/var/nats"),
        ("/old/place/var/nats", "/srv/city/var/nats"),
        ("/srv/city/var/nats", "/srv/city/var/nats"),
        ("/disks/ledger", "/disks/ledger"),
    ],
)
def test_the_store_is_in_the_city_folder_wherever_that_lies(was: str, becomes: str) -> None:
    """A relative path came up empty where nats-server was started elsewhere; a copied folder used the original's."""
    text = render_server(ServerSettings(was))
    assert settled(text, PurePosixPath("/srv/city"), "127.0.0.1:4222") == render_server(ServerSettings(becomes))


def test_the_file_names_the_address_that_the_city_has() -> None:
    """It kept the usual port when city.toml said another; a cluster's own address is not the city's."""
    cluster = Cluster(listen="0.0.0.0:6222", routes=("nats-2:6222",))
    was, becomes = (
        ServerSettings("/srv/city/var/nats", cluster=cluster),
        ServerSettings("/srv/city/var/nats", host="127.0.0.1", port=5222, cluster=cluster),
    )
    assert settled(render_server(was), PurePosixPath("/srv/city"), "127.0.0.1:5222") == render_server(becomes)


def test_nats_conf_has_ipv6_in_brackets() -> None:
    conf = render_server(ServerSettings("/srv/city/var/nats", host="::1"))
    assert 'listen: "[::1]:4222"' in conf
    assert settled(conf, PurePosixPath("/srv/city"), "[::1]:4222") == conf
