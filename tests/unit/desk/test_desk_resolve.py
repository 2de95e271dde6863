"""What the desk says and signs about an unconfirmed post."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console

from schemas.events.desk import DeliveryView, RequestView
from schemas.events.envelope import RESOLUTION_TYPE
from schemas.events.requests import Act, PlatformContent, Rendering
from schemas.events.resolutions import ResolutionStatement
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.desk import statements
from services.desk.commands.message.resolve import ANEW, RECALL, TWICE, asked, decision_of, unconfirmed_on
from services.desk.views.message import outcome, unconfirmed
from services.desk.views.message import pending as pending_view
from services.desk.views.message import request as show
from services.kernel.authority.signing import Signer, new_seed, verified_by
from services.kernel.authority.statements import signed
from services.kernel.base.errors import BadInput, Exit, OneVoiceError, Refused
from tests.unit.desk.views import ID, NOW, delivery, request, view

FIRE, SITE = "fire-townsquare", "fire-website"
URL = "https://social.example/@fire/1"
SIGNER = Signer(new_seed())


def doubtful(profile: str = FIRE, *, final: bool = True) -> DeliveryView:
    return delivery(profile, "unconfirmed", final).model_copy(update={"receipt_seq": 44, "reason": "it may stand"})


def half() -> RequestView:
    """One profile stands, the other is unconfirmed."""
    return view(Outcome.CLEARED, doubtful(), delivery(SITE, "delivered"))


def shown(draw: Any) -> str:
    out = io.StringIO()
    draw(Console(file=out, width=100, highlight=False, emoji=False))
    return out.getvalue()


COMMAND = f"onevoice resolve {ID} {FIRE} --posted URL | --post-again | --give-up"


def test_status_and_pending_name_the_very_command() -> None:
    status = shown(lambda console: show.result(console, half()))
    pending = shown(lambda console: pending_view.pending_table(console, (half(), view(Outcome.BLOCKED)), NOW))
    for page in (status, pending):
        assert f"  {COMMAND}\n" in page
        assert "Look at the profile" in page
        assert page.count("onevoice resolve") == 1
    assert "--watch" not in status, "nothing more comes by itself"


def replacing(act: Act, *rows: DeliveryView) -> RequestView:
    """A correction or recall of ``rfirst``."""
    content = PlatformContent(platform="mastodon", parts=("It is over.",), created_at=NOW, act=act, about="rfirst")
    changes = {"replaces": "rfirst", "renderings": (Rendering.of(content),)}
    return view(Outcome.CLEARED, *rows).model_copy(update={"request": half().request.model_copy(update=changes)})


@pytest.mark.parametrize("ended", ["failed", "expired"])
@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("recall", f"What it takes back may still be there: look at the profile, and delete it by hand on {FIRE}."),
        ("correct", f"What it corrects may still stand on {FIRE}. To reach it once more: onevoice correct {ID} TEXT"),
    ],
)
def test_where_it_failed_it_is_said_what_is_left_to_do(act: Act, said: str, ended: str) -> None:
    """The wrong words are public there, and nothing comes by itself."""
    one = replacing(act, delivery(FIRE, ended, True), delivery(SITE, "delivered"), delivery(MIRROR, ended, True))
    assert unconfirmed.left(one) == [said]
    assert f"{said}\n" in shown(lambda console: show.result(console, one))
    assert unconfirmed.left(one.model_copy(update={"replaced_by": "rnext"})) == []


def test_where_nothing_is_left_nothing_is_said_of_it() -> None:
    for one in (
        replacing("recall", delivery(FIRE, "recalled", True), delivery(SITE, "withheld", True)),
        replacing("correct", delivery(FIRE, "failed", False)),
        view(Outcome.CLEARED, delivery(FIRE, "failed", True)),
    ):
        assert unconfirmed.left(one) == []


def test_of_a_recall_it_is_said_what_to_delete_and_how_it_goes_on() -> None:
    """Nothing of it was to be posted: what may be public is what it takes back."""
    waits = replacing("recall", doubtful())
    first, *rest = unconfirmed.lines(waits)
    assert first.startswith("What it takes back may still be there. Look at the profile, and delete by hand")
    assert rest == [f"  {COMMAND}"]
    assert asked(waits, doubtful()) == ("this takes a message back once more", RECALL)
    assert asked(waits, doubtful(MIRROR)) == asked(half(), doubtful(MIRROR)) == ("this posts a message once more", ANEW)
    assert asked(half(), doubtful()) == ("this posts a message once more", TWICE)


def test_what_stands_otherwise_than_was_asked_for_is_told_below_its_address() -> None:
    note = "the earlier post is not there any more, so this one stands for itself"
    one = delivery(FIRE, "delivered").model_copy(update={"reason": note})
    page = shown(lambda console: show.result(console, view(Outcome.CLEARED, one, delivery(SITE, "delivered"))))
    assert f"\n    {note}\n" in page
    assert page.count(note) == 1


def test_nothing_is_said_where_nothing_is_unconfirmed() -> None:
    for one in (
        view(Outcome.CLEARED, delivery(FIRE, "delivered"), delivery(SITE, "delivered")),
        view(Outcome.CLEARED, doubtful(final=False)),
        view(None),
    ):
        assert unconfirmed.lines(one) == []
        assert "resolve" not in shown(lambda console, one=one: show.result(console, one))


def test_programs_see_which_profiles_wait_and_for_which_receipt() -> None:
    body = outcome.request_json(half())
    assert body["unconfirmed"] == [FIRE]
    assert body["deliveries"][0]["receipt_seq"] == 44
    assert outcome.exit_status(half()) is Exit.PARTLY


@pytest.mark.parametrize(
    ("choice", "decided"),
    [
        ({"posted": URL}, ("posted", URL)),
        ({"post_again": True}, ("post_again", None)),
        ({"give_up": True}, ("give_up", None)),
    ],
)
def test_each_decision_as_it_is_typed(choice: dict[str, Any], decided: tuple[str, str | None]) -> None:
    assert decision_of(**choice) == decided


@pytest.mark.parametrize(
    ("choice", "code"),
    [
        ({}, "resolve.choice"),
        ({"posted": URL, "give_up": True}, "resolve.choice"),
        ({"post_again": True, "give_up": True}, "resolve.choice"),
        ({"posted": ""}, "url.invalid"),
        ({"posted": "javascript:alert(1)"}, "url.invalid"),
        ({"posted": "https://social.example/\x1b[31m"}, "url.invalid"),
        ({"posted": "https://" + "a" * 3_000}, "url.invalid"),
    ],
)
def test_what_is_typed_wrongly_is_said_before_anything_is_sent(choice: dict[str, Any], code: str) -> None:
    with pytest.raises(BadInput) as caught:
        decision_of(**choice)
    assert caught.value.code == code
    assert caught.value.hint


def test_the_websites_page_may_be_one_that_waits() -> None:
    """It is no target, and its command is shown like that of any other."""
    one = view(Outcome.CLEARED, delivery(FIRE, "delivered"), doubtful(MIRROR))
    assert unconfirmed_on(one, MIRROR).receipt_seq == 44
    assert f"onevoice resolve {ID} {MIRROR} --posted URL" in shown(lambda console: show.result(console, one))
    with pytest.raises(Refused, match="nothing was posted there yet"):
        unconfirmed_on(half(), MIRROR)


def test_the_profile_must_be_one_that_waits() -> None:
    assert unconfirmed_on(half(), FIRE).receipt_seq == 44

    def refused(profile: str, one: RequestView) -> OneVoiceError:
        with pytest.raises(OneVoiceError) as caught:
            unconfirmed_on(one, profile)
        return caught.value

    unknown = refused("parks-townsquare", half())
    assert (unknown.code, type(unknown)) == ("profile.not_a_target", BadInput)
    assert FIRE in unknown.hint
    stands = refused(SITE, half())
    assert (stands.code, type(stands)) == ("resolution.nothing_unconfirmed", Refused)
    assert f"it is delivered (http://127.0.0.1/{SITE})" in stands.message
    assert FIRE in stands.hint
    assert "still being looked for" in refused(FIRE, view(Outcome.CLEARED, doubtful(final=False))).message
    assert "nothing was posted there yet" in refused(FIRE, view(Outcome.BLOCKED)).message


def test_what_is_signed_answers_one_receipt() -> None:
    fields: dict[str, Any] = {"realm": "live", "officer": "pio", "profile": FIRE, "receipt_seq": 44, "now": NOW}
    statement = statements.resolution_statement(request(), choice="posted", url=URL, **fields)
    event = statements.resolved(statement, signed(SIGNER, statement))
    assert verified_by(event.envelope, RESOLUTION_TYPE) == {SIGNER.public_key}
    said = ResolutionStatement.from_bytes(event.envelope.payload_bytes())
    assert (said.request_id, said.profile, said.receipt_seq, said.decision, said.url) == (ID, FIRE, 44, "posted", URL)
    assert (said.expires_at - said.issued_at).total_seconds() == statements.ORDER_SECONDS
    with pytest.raises(ValidationError):
        statements.resolution_statement(request(), choice="posted", url=None, **fields)
