"""The permissions follow from the flow map: each right has a reason there, and nothing else is granted."""

from __future__ import annotations

import re

import pytest

from schemas import flow, streams, subjects
from services.kernel.base.errors import BadInput
from services.provision.accounts import permissions
from services.provision.accounts.accounts_conf import RealmUsers, render_accounts
from services.provision.accounts.server_conf import ServerSettings, Tls, render_server

LEDGER = (
    subjects.CONTROL,
    subjects.REQUESTS,
    subjects.APPROVALS,
    subjects.VERDICTS,
    subjects.ATTEMPTS,
    subjects.RECEIPTS,
    subjects.RESOLUTIONS,
    subjects.SEAL,
)
ROWS = pytest.mark.parametrize("row", flow.SERVICES, ids=lambda row: row.name)


def overlap(one: str, other: str) -> bool:
    """True when some subject matches both patterns."""
    first, second = one.split("."), other.split(".")
    for a, b in zip(first, second, strict=False):
        if ">" in (a, b):
            return True
        if a != b and "*" not in (a, b):
            return False
    return len(first) == len(second)


@ROWS
def test_a_service_publishes_to_the_ledger_exactly_what_its_row_writes(row: flow.Service) -> None:
    granted = permissions.for_service(row).publish
    for subject in LEDGER:
        assert any(overlap(right, subject) for right in granted) == (subject in row.writes), subject


@ROWS
def test_each_right_to_publish_has_its_reason_in_the_row(row: flow.Service) -> None:
    allowed = {*row.writes, *row.broadcasts, row.heartbeat, row.dead_letters}
    durables = {c.durable for c in (*row.consumes, row.again) if c}
    for right in set(permissions.for_service(row).publish) - allowed:
        if right == "_R_.>":
            assert row.serves
        elif found := re.fullmatch(r"CORE\.API\.STREAM\.MSG\.GET\.([A-Z]+)", right):
            assert found[1] in {*row.reads, *({streams.TRIES} if row.again else ())}
        elif found := re.fullmatch(r"CORE\.API\.STREAM\.INFO\.([A-Z]+)", right):
            assert found[1] in {*row.reads, streams.DEAD, *({streams.TRIES} if row.again else ())}
        elif right == "CORE.API.INFO":
            assert row.asks_store
        elif right == "CORE.API.DIRECT.GET.LEDGER":
            assert row.folds
        elif right == subjects.DEAD_CLOSED_ALL:
            assert row.again
        elif found := re.fullmatch(r"tries\.([a-z-]+)\.\*", right):
            assert row.again
            assert found[1] in durables
        else:
            pattern = r"(?:CORE\.API\.CONSUMER\.(?:INFO|MSG\.NEXT)|\$JS\.ACK)\.(?:LEDGER|DEAD)\.([a-z-]+)(?:\.>)?"
            found = re.fullmatch(pattern, right)
            assert found, right
            assert found[1] in durables


@ROWS
def test_each_right_to_hear_has_its_reason_in_the_row(row: flow.Service) -> None:
    feed = {subjects.FEED_ALL} if row.folds else set()
    allowed = {*row.subscribes, *feed, f"_INBOX_{row.user}.>", *map(subjects.every_user, row.serves)}
    assert set(permissions.for_service(row).subscribe) == allowed


@ROWS
def test_what_a_service_takes_from_the_ledgers_account_is_what_it_may_ask(row: flow.Service) -> None:
    """Nothing is imported that its user may not use, and it asks nothing that is not imported or its own."""
    taken = permissions.imports_of(row)
    asked = {*taken.services, *taken.streaming}
    granted = set(permissions.for_service(row).publish)
    assert asked <= granted
    assert granted - asked <= {*row.broadcasts, row.heartbeat, "_R_.>"}
    assert taken.streams == ((subjects.FEED_ALL,) if row.folds else ()), "who folds nothing follows nothing"


@ROWS
def test_only_what_answers_in_several_messages_is_a_streaming_import(row: flow.Service) -> None:
    """A service import of one answer would be closed by the server after the first message of a batch."""
    taken = permissions.imports_of(row)
    several = (".DIRECT.GET.", ".CONSUMER.MSG.NEXT.")
    assert all(any(kind in one for kind in several) for one in taken.streaming)
    assert not any(kind in one for one in taken.services for kind in several)
    assert not set(taken.services) & set(taken.streaming)


def test_the_number_of_rights_does_not_grow_with_the_city() -> None:
    """There is no right per profile: a new profile is served without a restart."""
    for row in flow.SERVICES:
        assert not any("fire" in right for right in permissions.for_service(row).publish)


def test_what_people_may_send_is_served_by_exactly_one_service() -> None:
    for base in {*flow.OFFICER_MAY_SEND, *flow.SYSTEM_MAY_SEND}:
        assert sum(base in row.serves for row in flow.SERVICES) == 1, base


def test_officers_and_systems_send_under_their_own_name_only() -> None:
    for granted in (permissions.for_officer("pio"), permissions.for_system("drivebc")):
        for right in granted.publish:
            assert right.startswith("desk.")
            assert right.rsplit(".", 1)[1] in ("pio", "drivebc")
            assert "*" not in right
            assert ">" not in right


EVERYBODY = {
    **{row.user: permissions.for_service(row) for row in flow.SERVICES},
    "cao": permissions.for_officer("cao"),
    "drivebc": permissions.for_system("drivebc"),
}
NEVER = (
    "STREAM.CREATE.LEDGER",
    "STREAM.UPDATE.LEDGER",
    "STREAM.DELETE.LEDGER",
    "STREAM.PURGE.LEDGER",
    "STREAM.MSG.DELETE.LEDGER",
    "CONSUMER.CREATE.LEDGER.x.ledger.>",
    "CONSUMER.DURABLE.CREATE.LEDGER.x",
    "CONSUMER.DELETE.LEDGER.fanout-verdicts",
    "CONSUMER.PAUSE.LEDGER.fanout-verdicts",
)


@pytest.mark.parametrize("name", EVERYBODY)
@pytest.mark.parametrize("call", NEVER)
def test_nobody_but_provisioning_may_change_streams_and_durables(name: str, call: str) -> None:
    for prefix in ("$JS.API.", "CORE.API."):
        assert not any(overlap(right, prefix + call) for right in EVERYBODY[name].publish)


@pytest.mark.parametrize("name", EVERYBODY)
def test_nobody_hears_the_ledger_itself_or_forges_the_feed(name: str) -> None:
    """The feed comes from the stream alone; what is appended is heard as the feed and under no other name."""
    granted = EVERYBODY[name]
    assert not any(overlap(right, subject) for right in granted.subscribe for subject in LEDGER)
    assert not any(overlap(right, "feed.ledger.control") for right in granted.publish)


def test_people_and_systems_hear_no_feed() -> None:
    for name in ("cao", "drivebc"):
        assert not any(overlap(right, "feed.ledger.control") for right in EVERYBODY[name].subscribe)


def test_provisioning_appends_nothing() -> None:
    granted = permissions.for_provisioning()
    assert not any(overlap(right, subject) for right in granted.publish for subject in LEDGER)


def users(**changes: object) -> RealmUsers:
    services = {row.user: f"U{row.user}" for row in flow.SERVICES}
    values = {
        "realm": "live", "services": services, "provision": "Uprovision", "officers": {"cao": "Ucao"},
        "systems": {"drivebc": "Udrivebc"},
    }  # fmt: skip
    return RealmUsers(**{**values, **changes})  # type: ignore[arg-type]


def test_two_users_with_one_key_are_refused() -> None:
    with pytest.raises(BadInput) as caught:
        render_accounts(users(officers={"cao": "Usame"}, systems={"drivebc": "Usame"}))
    assert caught.value.code == "nats.user_twice"


def test_the_server_settings_are_quoted_and_say_what_they_must() -> None:
    text = render_server(ServerSettings(store_dir='/srv/a "b"', tls=Tls("cert.pem", "key.pem", "ca.pem")))
    assert 'store_dir: "/srv/a \\"b\\""' in text
    assert 'sync_interval: "always"' in text
    assert f"max_payload: {streams.MAX_PAYLOAD}" in text
    assert 'ping_interval: "10s"\nping_max: 2\n' in text
    assert 'min_version: "1.3"' in text
    assert "verify: true" in text
    with pytest.raises(BadInput):
        render_server(ServerSettings("/srv", name="a\nb"))
