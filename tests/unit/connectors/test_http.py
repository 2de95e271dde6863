"""What the outcome of a call to a platform means, the same for every connector."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict

from services.fanout.connectors.calls.http import Answer, Endpoint, Http, NoAnswer, NotSent, json_of
from services.fanout.connectors.calls.refusals import cannot_tell, has_it_already, refusal
from services.fanout.connectors.contract import Cause, Permanent, Retryable, Unknown
from services.kernel.base.clock import ManualClock
from tests.support.broker import PATIENCE

NOW = datetime(2026, 1, 31, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (NotSent("refused"), Retryable),
        (NoAnswer("time"), Unknown),
        *[(Answer(code, {"error": "no"}, CIMultiDict()), Retryable) for code in (401, 429)],
        *[(Answer(code, {"error": "no"}, CIMultiDict()), Retryable) for code in (402, 405, 407, 421, 425, 426, 431)],
        *[(Answer(code, {"error": "no"}, CIMultiDict()), Permanent) for code in (400, 403, 404, 410, 413, 422)],
        *[(Answer(409, body, CIMultiDict()), Unknown) for body in ({"error": "no"}, None)],
        *[(Answer(code, None, CIMultiDict()), Retryable) for code in (301, 307, 308, 400, 403, 404, 422)],
        (Answer(303, None, CIMultiDict()), Unknown),
        *[(Answer(code, None, CIMultiDict()), Unknown) for code in (408, 500, 502, 503, 504)],
    ],
)
def test_an_outcome_means_what_it_proves(outcome: Answer | NotSent | NoAnswer, kind: type) -> None:
    """Surely not posted, final, or not known: never guessed."""
    assert isinstance(refusal(outcome, ManualClock(NOW)), kind)


@pytest.mark.parametrize(
    ("status", "headers", "after"),
    [
        (429, {"Retry-After": "17"}, 17.0),
        (429, {"X-RateLimit-Reset": "2026-01-31T14:01:00.000Z"}, 60.0),
        (503, {"Retry-After": "17"}, 17.0),
        (503, {"X-RateLimit-Reset": "2026-01-31T14:01:00.000Z"}, None),
        (502, {"Retry-After": "17"}, None),
        (429, {}, None),
    ],
)
def test_a_refusal_for_now_says_how_long_it_asks_to_wait(
    status: int, headers: dict[str, str], after: float | None
) -> None:
    outcome = Answer(status, None, CIMultiDict(headers))
    found = refusal(outcome, ManualClock(NOW))
    assert isinstance(found, Retryable if status == 429 else Unknown)
    assert (found.after, cannot_tell("no", outcome, ManualClock(NOW)).after) == (after, after)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "InvalidSwap", "message": "Record was at another id"}, "InvalidSwap: Record was at another id"),
        ({"error": "invalid_scope", "error_description": "The scope is too small"}, "The scope is too small"),
        ({"error": "no"}, "no"),
        ({"Message": "Forbidden"}, "Forbidden"),
        ({"fault": {"faultstring": "Invalid token", "detail": {"errorcode": "x"}}}, "Invalid token"),
        ("<html>", "no reason given"),
        ({}, "no reason given"),
        ({"errors": ["Text is too long"]}, "Text is too long"),
        ({"errors": {"text": ["is too long"]}}, "text: is too long"),
        (["Text is too long"], "Text is too long"),
        ("Text is too long", "Text is too long"),
        ({"status": "error", "data": {"message": "bad text"}}, "bad text"),
        ({"errorMessage": "bad text"}, "bad text"),
        ({"Error": "bad"}, "bad"),
        ({"detail": [{"msg": "field required", "loc": ["body", "text"]}]}, "field required"),
        ({"error": True, "message": {"en": "bad"}}, "en: bad"),
        ({"ok": False, "result": "rejected: sign offline"}, "result: rejected: sign offline"),
        ({"error": {"code": 190}}, "190"),
        (
            {
                "title": "Invalid Request",
                "detail": "A parameter.",
                "errors": [{"message": "IDs are invalid."}],
            },
            "Invalid Request: A parameter.: IDs are invalid.",
        ),
    ],
)
def test_the_platforms_words_are_found_where_platforms_put_them(body: object, words: str) -> None:
    assert Answer(400, body, CIMultiDict()).words == f"{words} (HTTP 400)"


def test_a_success_with_an_error_in_it_is_told_in_its_words() -> None:
    for body, line in (
        ({"error": {"message": "The sign is offline"}}, ""),
        ({"ok": False, "description": "The sign is offline"}, ""),
        (None, "The sign is offline"),
    ):
        found = refusal(Answer(200, body, CIMultiDict(), line), ManualClock(NOW))
        assert isinstance(found, Unknown)
        assert "The sign is offline (HTTP 200)" in found.reason


def test_what_an_answer_repeats_of_the_message_decides_nothing() -> None:
    """An event in an answer, of roads that are throttled or a duplicate, is no reason; it is shown all the same."""
    answer = Answer(422, {"event": {"text": "Too many requests. Already received."}}, CIMultiDict())
    assert not has_it_already(answer)
    found = refusal(answer, ManualClock(NOW))
    assert isinstance(found, Permanent)
    assert found.reason.startswith("text: Too many requests")


def test_the_platforms_words_are_one_short_line() -> None:
    words = Answer(422, {"error": "Validation\x1b[31m failed\n" + "x" * 900}, CIMultiDict()).words
    assert words.startswith("Validation [31m failed x")
    assert words.isprintable()
    assert len(words) < 330


def test_what_is_about_the_message_is_its_end() -> None:
    for words in (
        "Your account is suspended and is not permitted to access this feature.",
        "You are not allowed to create a Tweet with duplicate content",
        "Validation failed: Text character limit",
        "Your account is suspended pending review",
        "This link has been identified as spam",
        "You may not mention this person",
        "Media is missing",
        "Your account has been suspended for rate limit abuse",
        "Your account is suspended; the access token was revoked",
        "Your message is a duplicate. Please slow down",
        "Status contains banned word: token expired",
        "Not allowed: 'the token expired, see the firewall' is forbidden",
        "You are not authorized to reply to this post",
        "You do not have permission to mention this person",
        "Only the author has the right to reply",
        "Thread is locked",
        "This message looks like spam",
        "Message too long",
        "Cannot attach files that have not finished processing. Try again in a moment!",
        "Request size limit exceeded",
        "It exceeds the posting limit of 500 characters",
        "Unauthorized link in text",
        "Unauthorized use of a trademark",
        "You are not authorized to use this hashtag",
        "You do not have access to this conversation",
        "Links to cloudflare.com are not allowed",
        "A hashtag was used too often",
        "Invalid token in markup at line 2",
        "error code: 1404 text refused",
    ):
        assert isinstance(refusal(Answer(403, {"error": words}, CIMultiDict()), ManualClock(NOW)), Permanent)


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (Answer(403, None, CIMultiDict({"Content-Type": "text/html"})), Cause.HOST),
        (Answer(403, {"error": "This action is outside the authorized scopes"}, CIMultiDict()), Cause.CREDENTIAL),
        (Answer(403, None, CIMultiDict({"WWW-Authenticate": 'Bearer error="insufficient_scope"'})), Cause.CREDENTIAL),
        (Answer(403, {"error": "Insufficient permissions: write:statuses."}, CIMultiDict()), Cause.CREDENTIAL),
        (Answer(403, {"error": "Invalid scope(s) provided"}, CIMultiDict()), Cause.CREDENTIAL),
        (
            Answer(
                403,
                {"error": {"message": "x", "code": "PERMISSION_DENIED"}, "code": "PERMISSION_DENIED"},
                CIMultiDict(),
            ),
            Cause.CREDENTIAL,
        ),
        (Answer(403, {"error": "Your login is currently disabled"}, CIMultiDict()), Cause.CREDENTIAL),
        (Answer(403, {"error": "Your login is missing a confirmed e-mail address"}, CIMultiDict()), Cause.CREDENTIAL),
        (Answer(403, {"error": "Your login is currently pending approval"}, CIMultiDict()), Cause.CREDENTIAL),
        (
            Answer(
                403,
                {"title": "Forbidden", "detail": "not configured with the appropriate oauth1 app permissions"},
                CIMultiDict(),
            ),
            Cause.CREDENTIAL,
        ),
        (Answer(403, {"success": False, "errors": []}, CIMultiDict({"cf-mitigated": "challenge"})), Cause.HOST),
        (Answer(402, {"title": "Payment Required"}, CIMultiDict()), Cause.CREDENTIAL),
        (Answer(425, {"error": "Too Early"}, CIMultiDict()), Cause.HOST),
        (Answer(403, {"message": "Forbidden"}, CIMultiDict()), Cause.HOST),
        (Answer(404, {"message": "no Route matched", "request_id": "1"}, CIMultiDict()), Cause.HOST),
        (Answer(404, {"timestamp": 1, "status": 404, "error": "Not Found", "path": "/"}, CIMultiDict()), Cause.HOST),
        (Answer(308, None, CIMultiDict({"Location": "https://new.example/api"})), Cause.OWN),
    ],
)
def test_who_spoke_and_about_what_says_whose_trouble_it_is(outcome: Answer, cause: Cause) -> None:
    """A proxy's page, a scope and a redirect are never the message's end; a look says the same."""
    found = refusal(outcome, ManualClock(NOW))
    assert isinstance(found, Retryable)
    assert (found.cause, cannot_tell("no", outcome, ManualClock(NOW)).cause) == (cause, cause)
    assert ("https://new.example/api" in found.reason) == (cause is Cause.OWN)


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (403, {"error": "You have exceeded a secondary rate limit"}, Cause.LIMIT),
        (403, {"error": "Too many requests"}, Cause.LIMIT),
        (400, {"error": {"message": "Too many requests", "code": 1}}, Cause.LIMIT),
        (403, {"error": "rate limited"}, Cause.LIMIT),
        (400, {"code": "ThrottlingException", "detail": "x"}, Cause.LIMIT),
        (
            403,
            {"title": "Error 1015: You are being rate limited", "status": 429, "cloudflare_error": True},
            Cause.LIMIT,
        ),
        (420, {"error": "Enhance your calm"}, Cause.LIMIT),
        (422, {"error": "Too many requests"}, Cause.LIMIT),
        (404, {"error": "Request was throttled."}, Cause.LIMIT),
        (403, {"error": {"code": 403, "message": "x", "errors": [{"reason": "rateLimitExceeded"}]}}, Cause.LIMIT),
        (403, {"error": "quota exceeded"}, Cause.LIMIT),
        (403, {"error": "Daily posting limit reached"}, Cause.LIMIT),
        (403, {"errors": [{"code": 185, "message": "User is over daily status update limit."}]}, Cause.LIMIT),
        (
            403,
            {
                "detail": "This request looks automated. To protect our users from spam and other malicious "
                "activity, we can't complete this action right now. Please try again later."
            },
            Cause.LIMIT,
        ),
        (400, {"error": "Please wait a few minutes before you try again."}, Cause.LIMIT),
        (403, {"error": "You have posted too often, try again later"}, Cause.LIMIT),
        (403, {"message": "Access denied", "code": "1020"}, Cause.HOST),
        (403, {"error": "error code: 1020"}, Cause.HOST),
        (403, {"error_code": 1010, "cloudflare_error": True, "title": "Error 1010: Access denied"}, Cause.HOST),
        (403, {"Message": "Forbidden"}, Cause.HOST),
        (403, {"status": 403, "error": "Forbidden"}, Cause.HOST),
        (404, {"code": 404, "message": "HTTP 404 Not Found"}, Cause.HOST),
        (404, {"error": "default backend - 404"}, Cause.HOST),
        (404, {"fault": {"faultstring": "Unable to identify proxy"}}, Cause.HOST),
        (403, {"error": {"code": "WAFBlocked", "message": "x"}}, Cause.HOST),
        (403, {"error": "Your IP address has been blocked"}, Cause.HOST),
        (403, {}, Cause.HOST),
        (403, [], Cause.HOST),
        (403, "Forbidden", Cause.HOST),
        (403, {"success": False, "errors": [{"code": 1020, "message": "Access denied"}]}, Cause.HOST),
        (403, {"error": {"code": "ApplicationGatewayFirewall"}}, Cause.HOST),
        (403, {"error": "Blocked by the web application firewall"}, Cause.HOST),
        (403, {"code": "x", "error": "The request is blocked."}, Cause.HOST),
        (404, {"detail": "Not Found"}, Cause.HOST),
        (403, {"error": "invalid_token"}, Cause.CREDENTIAL),
        (403, {"error": "The access token expired"}, Cause.CREDENTIAL),
        (403, {"error": "The access token was revoked"}, Cause.CREDENTIAL),
        (403, {"error": "Your session has expired"}, Cause.CREDENTIAL),
        (403, {"detail": "Authentication credentials were not provided."}, Cause.CREDENTIAL),
        (400, {"error": "invalid_request", "error_description": "The access token is invalid"}, Cause.CREDENTIAL),
        (400, {"error": "invalid_grant"}, Cause.CREDENTIAL),
        (400, {"error": "ExpiredToken", "message": "Token has expired"}, Cause.CREDENTIAL),
        (406, {"error": "This API requires an authenticated user"}, Cause.CREDENTIAL),
        *[(status, {"error": "The access token is invalid"}, Cause.CREDENTIAL) for status in (404, 422)],
        (403, {"error": "Unauthorized"}, Cause.CREDENTIAL),
        (400, {"error": "invalid_client"}, Cause.CREDENTIAL),
        (403, {"error": "Bad credentials"}, Cause.CREDENTIAL),
        (403, {"error": "Your application is not authorised"}, Cause.CREDENTIAL),
        (403, {"error": "You must be logged in"}, Cause.CREDENTIAL),
        (403, {"detail": "You do not have permission to perform this action."}, Cause.CREDENTIAL),
        (403, {"error": "Missing write:statuses permission"}, Cause.CREDENTIAL),
        (403, {"error": "The token does not have write access"}, Cause.CREDENTIAL),
        (403, {"error": "read-only token"}, Cause.CREDENTIAL),
        (403, {"error": "Your account has not been approved yet"}, Cause.CREDENTIAL),
        (403, {"error": "Your account has been temporarily locked"}, Cause.CREDENTIAL),
        (
            403,
            {"errors": [{"message": "To protect our users from spam this account is temporarily locked."}]},
            Cause.CREDENTIAL,
        ),
        (403, {"error": "Please verify your email"}, Cause.CREDENTIAL),
        (403, {"error": "missing_permission"}, Cause.CREDENTIAL),
        (403, {"error": "Token lacks write:statuses"}, Cause.CREDENTIAL),
        (403, {"error": "token has insufficient privileges"}, Cause.CREDENTIAL),
        (403, {"error": "Not enough rights"}, Cause.CREDENTIAL),
        (403, {"error": "Your account is pending approval"}, Cause.CREDENTIAL),
        (403, {"error": "Your account has not yet been confirmed; account awaiting confirmation"}, Cause.CREDENTIAL),
        (403, {"error": "Your account has been temporarily restricted"}, Cause.CREDENTIAL),
        (403, {"error": "You must accept the new terms of service"}, Cause.CREDENTIAL),
        (403, {"error": {"code": "InsufficientAccountPermissions"}}, Cause.CREDENTIAL),
        (403, {"error": "You do not have the permission to do this"}, Cause.CREDENTIAL),
        (400, {"fault": {"faultstring": "Invalid access token"}}, Cause.CREDENTIAL),
        (403, {"fault": {"faultstring": "Quota limit exceeded"}}, Cause.LIMIT),
        (420, {"error": "Enhance Your Calm"}, Cause.LIMIT),
        (403, {"error": "You have reached your daily post limit"}, Cause.LIMIT),
        (400, {"error": "Please try again later"}, Cause.LIMIT),
        (404, {"error": "maintenance mode"}, Cause.HOST),
        (400, {"error": "The server is in read-only mode"}, Cause.HOST),
        (400, {"error": "Invalid host header"}, Cause.HOST),
        (400, {"error": "The plain HTTP request was sent to HTTPS port"}, Cause.HOST),
        (418, {"error": "I'm a teapot"}, Cause.HOST),
        (403, {"Message": "User: anonymous is not authorized"}, Cause.HOST),
        (422, ["Unprocessable"], Cause.HOST),
        (400, "Bad Request", Cause.HOST),
    ],
)
def test_what_a_person_or_time_can_mend_is_never_the_messages_end(status: int, body: object, cause: Cause) -> None:
    outcome = Answer(status, body, CIMultiDict())
    found = refusal(outcome, ManualClock(NOW))
    assert isinstance(found, Retryable)
    assert (found.cause, cannot_tell("no", outcome, ManualClock(NOW)).cause) == (cause, cause)
    assert "no reason given" not in found.reason or cause is Cause.HOST


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_challenge_says_that_a_token_is_refused_in_any_language(status: int) -> None:
    headers = CIMultiDict({"WWW-Authenticate": 'Bearer realm="x", error="invalid_token"'})
    found = refusal(Answer(status, {"error": "Das Zugriffstoken wurde widerrufen"}, headers), ManualClock(NOW))
    assert isinstance(found, Retryable)
    assert found.cause is Cause.CREDENTIAL


@pytest.mark.parametrize("status", [400, 403, 404, 413, 422])
def test_a_refusal_that_names_a_wait_is_waited_for(status: int) -> None:
    found = refusal(Answer(status, {"error": "no"}, CIMultiDict({"Retry-After": "60"})), ManualClock(NOW))
    assert isinstance(found, Retryable)
    assert (found.cause, found.after) == (Cause.LIMIT, 60.0)


@pytest.mark.parametrize(
    "body",
    [
        {"message": "This text was rejected"},
        {"detail": "You cannot post this text"},
        {"message": "Duplicate content is not allowed"},
        {"success": False, "errors": [{"message": "Duplicate status"}]},
        "This text was rejected",
        "Cannot attach more than 4 files",
        {"error": "Text was rejected", "text": "We widen the scope; the token lacks what the firewall throttles"},
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Retry-After": "60"}])
def test_what_is_said_of_the_message_is_its_end_in_any_form(body: object, headers: dict[str, str]) -> None:
    """What the answer quotes is not what it says."""
    found = refusal(Answer(403, body, CIMultiDict(headers)), ManualClock(NOW))
    about = "Duplicate" in str(body) or "attach" in str(body) or not headers
    assert isinstance(found, Permanent if about else Retryable)


def test_a_validation_that_speaks_of_a_firewall_is_the_messages_end() -> None:
    for said in ("Validation failed: Text contains forbidden word 'cloudflare'", "Validation failed: invalid token"):
        assert isinstance(refusal(Answer(422, {"error": said}, CIMultiDict()), ManualClock(NOW)), Permanent)


@pytest.mark.parametrize("status", [408, 409])
def test_what_may_have_been_done_is_looked_for_whatever_it_asks(status: int) -> None:
    outcome = Answer(status, {"error": "rate limit"}, CIMultiDict({"Retry-After": "60"}))
    assert isinstance(refusal(outcome, ManualClock(NOW)), Unknown)


@pytest.mark.parametrize("address", ["http://[x", "https://social.example:99999"])
async def test_an_address_that_is_none_is_the_citys_to_correct(address: str) -> None:
    http = Http(1)
    outcome = await http.call(Endpoint(address, "token", asyncio.get_running_loop().time() + PATIENCE), "GET", "/")
    await http.close()
    assert outcome == NotSent("the platform's address in city.toml is not a URL")


def test_half_a_character_in_an_answer_is_one_that_can_be_stored() -> None:
    """Python reads the escape of half a pair, and cannot write it: what a receipt quoted of it was never stored."""
    found = json_of(rb'{"\uD83D": ["\ud83d x", "\uD83D\uDEA8", {"a": 1}, null], "b": true}')
    assert found == {"\ufffd": ["\ufffd x", "\U0001f6a8", {"a": 1}, None], "b": True}
    assert json_of(b'{"url": "https://m.example/\xed\xa0\x80"}') == {"url": "https://m.example/\ufffd"}
    assert json_of(b"[" * 100_000) is None
