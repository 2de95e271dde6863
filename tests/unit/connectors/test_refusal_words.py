"""What servers say of a message, and what sounds like it; and the other way round."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict

from services.fanout.connectors.calls.http import Answer
from services.fanout.connectors.calls.refusals import refusal
from services.fanout.connectors.contract import Cause, Permanent, Retryable
from services.kernel.base.clock import ManualClock

CLOCK = ManualClock(datetime(2026, 1, 31, 14, tzinfo=UTC))


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (400, {"error": "invalid_token", "error_description": "Token validation failed"}, Cause.CREDENTIAL),
        (403, {"error": "Invalid token: signature validation failed"}, Cause.CREDENTIAL),
        (403, {"error": "Invalid token in Authorization header"}, Cause.CREDENTIAL),
        (403, {"error": "Rate limit exceeded: 30 images per hour"}, Cause.LIMIT),
        (403, {"error": "Too many requests: at most 20 files each day"}, Cause.LIMIT),
        (403, {"error": "We protect people against spam. Try again later"}, Cause.LIMIT),
        (400, {"error": "That took too long. Try again later"}, Cause.LIMIT),
    ],
)
def test_what_time_or_a_person_mends_only_sounds_as_if_it_were_of_the_message(
    status: int, body: object, cause: Cause
) -> None:
    found = refusal(Answer(status, body, CIMultiDict()), CLOCK)
    assert isinstance(found, Retryable)
    assert found.cause is cause


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (413, {"error": "Request exceeds limit"}),
        (400, {"error": "Invalid host in URL"}),
        (400, {"error": "URL host invalid"}),
        (400, {"error": "invalid token '<' at position 3"}),
        (422, {"error": "Unauthorized URL"}),
        (422, ["Text is too long"]),
    ],
)
def test_what_is_of_the_message_is_not_tried_for_ever(status: int, body: object) -> None:
    assert isinstance(refusal(Answer(status, body, CIMultiDict()), CLOCK), Permanent)
