"""What an officer signs at the desk."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rich.panel import Panel
from rich.text import Text

from schemas.events.approvals import ApprovalStatement
from schemas.events.control import Hold
from schemas.events.envelope import APPROVAL_TYPE, ORDER_TYPE
from schemas.events.requests import PlatformContent, Rendering, digest_of
from services.desk import statements
from services.desk.views import output
from services.kernel.authority.signing import Signer, new_seed, verified_by
from services.kernel.authority.statements import ORDER_LIFETIME, signed
from services.kernel.base.errors import Refused
from services.kernel.control.order_rules import read_order
from tests.unit.desk.views import NOW, renderings, request

SIGNER = Signer(new_seed())


def _signed(screening: int = 0, verb: str = "approve") -> ApprovalStatement:
    statement = statements.decision_statement(
        request(screening=screening),
        statements.Circumstances.shown(request()),
        realm="live",
        officer="pio",
        verb=verb,  # type: ignore[arg-type]
        now=NOW,
        lifetime=timedelta(minutes=30),
        reason="why",
    )
    approval = statements.approval(statement, signed(SIGNER, statement))
    assert verified_by(approval.envelope, APPROVAL_TYPE) == {SIGNER.public_key}
    return ApprovalStatement.from_bytes(approval.envelope.payload_bytes())


def test_an_approval_covers_digest_renderings_targets_and_time() -> None:
    stands, said = request(), _signed()
    assert said.digest == stands.digest
    assert said.renderings == {shown.platform: shown.sha256 for shown in stands.renderings}
    assert said.targets == stands.targets
    assert (said.realm, said.officer, said.decision) == ("live", "pio", "approve")
    assert (said.issued_at, said.expires_at) == (NOW, NOW + timedelta(minutes=30))


def test_each_approval_is_another_one() -> None:
    assert _signed().nonce != _signed().nonce


def test_an_approval_acknowledges_what_screening_found_and_a_rejection_does_not() -> None:
    assert _signed(screening=2).acknowledged == ("found-0", "found-1")
    assert _signed(screening=2, verb="reject").acknowledged == ()


def test_nothing_is_signed_when_the_digest_is_not_that_of_what_is_shown() -> None:
    other = request().model_copy(update={"renderings": renderings("Drink freely.")})
    with pytest.raises(Refused) as caught:
        statements.checked_digest(other)
    assert caught.value.code == "digest.mismatch"


def test_nothing_is_signed_when_a_renderings_hash_is_not_that_of_its_body() -> None:
    true, false = renderings(), renderings("Drink freely.")
    forged = tuple(old.model_copy(update={"body": new.body}) for old, new in zip(true, false, strict=True))
    with pytest.raises(Refused):
        statements.checked_digest(request().model_copy(update={"renderings": forged}))


def test_an_order_lasts_no_longer_than_the_kernel_allows() -> None:
    envelope = signed(SIGNER, statements.order_statement("exercise", "cao", Hold(on=True), NOW))
    order = read_order(envelope)
    assert verified_by(envelope, ORDER_TYPE) == {SIGNER.public_key}
    assert (order.realm, order.officer, order.action) == ("exercise", "cao", Hold(on=True))
    assert timedelta(0) < order.expires_at - order.issued_at <= ORDER_LIFETIME


def test_what_no_screen_shows_is_not_signed() -> None:
    """A terminal takes ESC for an order: it would hide a part of what is posted."""
    hidden = (Rendering.of(PlatformContent(platform="website", parts=("open\x1b[8m closed",), created_at=NOW)),)
    bad = request().model_copy(update={"renderings": hidden, "digest": digest_of(request().request_id, 1, hidden)})
    with pytest.raises(Refused) as refused:
        statements.checked_digest(bad)
    assert refused.value.code == "rendering.unseen"
    assert "U+001B" in refused.value.message


def test_the_desk_shows_nothing_raw(capsys: pytest.CaptureFixture[str]) -> None:
    console = output.console()
    console.print(Panel(Text("open\x1b[8m closed \x9b8m \u202e")), "one\x1bmore")
    output.print_json({"said": "a\u202e\x9b\x7f"})
    output.print_json_line({"said": "a\u202e"})
    shown = capsys.readouterr().out
    assert "<U+001B>[8m closed" in shown
    assert not set(shown) & set("\x1b\x9b\u202e\x7f")
    assert '"a\\u202e\\u009b\\u007f"' in shown
