"""The permissions follow from the flow map: each right has a reason there, and nothing else is granted."""

from __future__ import annotations

import re

import pytest

from schemas import flow, streams, subjects
from services.kernel.errors import BadInput
from services.provision import permissions
from services.provision.nats_config import RealmUsers, ServerSettings, Tls, render_accounts, render_server

PROFILES = ("fire-townsquare", "fire-website")
LEDGER = (
    subjects.CONTROL,
    subjects.REQUESTS,
    subjects.APPROVALS,
    subjects.VERDICTS,
    subjects.DELIVERIES,
    subjects.ATTEMPTS,
    subjects.RECEIPTS,
    subjects.RESOLUTIONS,
    subjects.SEAL,
)


def overlap(one: str, other: str) -> bool:
    """True when some subject matches both patterns."""
    first, second = one.split("."), other.split(".")
    for a, b in zip(first, second, strict=False):
        if ">" in (a, b):
            return True
        if a != b and "*" not in (a, b):
            return False
    return len(first) == len(second)


@pytest.mark.parametrize("row", flow.SERVICES, ids=lambda row: row.name)
def test_a_service_publishes_to_the_ledger_exactly_what_its_row_writes(row: flow.Service) -> None:
    granted = permissions.for_service(row, PROFILES).publish
    for subject in LEDGER:
        assert any(overlap(right, subject) for right in granted) == (subject in row.writes), subject


@pytest.mark.parametrize("row", flow.SERVICES, ids=lambda row: row.name)
def test_each_right_to_publish_has_its_reason_in_the_row(row: flow.Service) -> None:
    allowed = {*row.writes, *row.broadcasts, row.heartbeat, row.dead_letters}
    durables = {c.durable for c in (*row.consumes, row.again) if c} | (
        {f"deliver-{p}" for p in PROFILES} if row.per_profile else set()
    )
    for right in set(permissions.for_service(row, PROFILES).publish) - allowed:
        if right == "_R_.>":
            assert row.serves
        elif found := re.fullmatch(r"\$JS\.API\.STREAM\.MSG\.GET\.([A-Z]+)", right):
            assert found[1] in {*row.reads, *({streams.TRIES} if row.again else ())}
        elif found := re.fullmatch(r"\$JS\.API\.STREAM\.PURGE\.([A-Z]+)", right):
            assert found[1] in row.purges
        elif found := re.fullmatch(r"\$JS\.API\.STREAM\.INFO\.([A-Z]+)", right):
            assert found[1] in {*row.reads, streams.DEAD, *({streams.TRIES} if row.again else ())}
        elif right == subjects.DEAD_CLOSED_ALL:
            assert row.again
        elif found := re.fullmatch(r"tries\.([a-z-]+)\.\*", right):
            assert row.again
            assert found[1] in durables
        else:
            found = re.fullmatch(
                r"\$JS\.(?:API\.CONSUMER\.(?:INFO|MSG\.NEXT)|ACK)\.(?:LEDGER|DEAD)\.([a-z-]+)(?:\.>)?", right
            )
            assert found, right
            assert found[1] in durables


def test_each_profile_gets_its_four_rights_for_the_fan_out_alone() -> None:
    for row in flow.SERVICES:
        granted = " ".join(permissions.for_service(row, PROFILES).publish)
        assert granted.count("deliver-fire-website") == (4 if row.per_profile else 0)
    assert [row.name for row in flow.SERVICES if row.per_profile] == ["fanout"]


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


def test_nobody_but_provisioning_has_jetstreams_whole_interface() -> None:
    everyone = [permissions.for_service(row, PROFILES) for row in flow.SERVICES]
    everyone += [permissions.for_officer("cao"), permissions.for_system("drivebc")]
    for granted in everyone:
        assert not any(overlap(right, "$JS.API.STREAM.DELETE.LEDGER") for right in granted.publish)
        assert not any(overlap(right, "$JS.API.STREAM.UPDATE.LEDGER") for right in granted.publish)
        assert not any(overlap(right, "$JS.API.CONSUMER.CREATE.LEDGER") for right in granted.publish)
        assert not any(overlap(right, "ledger.control") for right in granted.subscribe)


def users(**changes: object) -> RealmUsers:
    services = {row.user: f"U{row.user}" for row in flow.SERVICES}
    values = {
        "realm": "live", "services": services, "provision": "Uprovision", "officers": {"cao": "Ucao"},
        "systems": {"drivebc": "Udrivebc"}, "profiles": PROFILES,
    }  # fmt: skip
    return RealmUsers(**{**values, **changes})  # type: ignore[arg-type]


def test_the_accounts_name_each_user_and_join_desk_to_core_by_what_is_served() -> None:
    text = render_accounts(users())
    for name in (*(row.user for row in flow.SERVICES), "provision", "cao", "drivebc"):
        assert text.count(f"      # {name}\n") == 1, name
    core, desk = text.split("  LIVE_DESK {")
    assert "jetstream: enabled" in core
    assert "jetstream" not in desk
    served = {subjects.every_user(base) for row in flow.SERVICES for base in row.serves}
    assert set(re.findall(r'\{ service: "([^"]+)", accounts: \[LIVE_DESK\] \}', core)) == served
    assert set(re.findall(r'service: \{ account: LIVE_CORE, subject: "([^"]+)" \}', desk)) == served
    assert set(re.findall(r'stream: \{ account: LIVE_CORE, subject: "([^"]+)" \}', desk)) == {
        "board.>",
        "eoc.state",
    }


def test_two_users_with_one_key_are_refused() -> None:
    with pytest.raises(BadInput) as caught:
        render_accounts(users(officers={"cao": "Usame"}, systems={"drivebc": "Usame"}))
    assert caught.value.code == "nats.user_twice"


def test_the_server_settings_are_quoted_and_say_what_they_must() -> None:
    text = render_server(ServerSettings(store_dir='/srv/a "b"', tls=Tls("cert.pem", "key.pem", "ca.pem")))
    assert 'store_dir: "/srv/a \\"b\\""' in text
    assert 'sync_interval: "always"' in text
    assert f"max_payload: {streams.MAX_PAYLOAD}" in text
    assert 'min_version: "1.3"' in text
    assert "verify: true" in text
    with pytest.raises(BadInput):
        render_server(ServerSettings(name="a\nb"))
