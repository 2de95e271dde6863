"""The e-mail that a message becomes: headers that every mail program reads, and no letter of a subject harmed."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from services.fanout.connectors.email.message import email_of, subject_of
from services.fanout.connectors.email.transfer import is_about_us
from tests.integration.connectors.harnesses import a_profile, an_intent

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Boil water.\nMore.", "Boil water."),
        ('The "old" bridge\\road is closed', 'The "old" bridge\\road is closed'),
        (f"{FAMILY} may go home", f"{FAMILY} may go home"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("Prix\u00a0: 5\u202f€", "Prix : 5 €"),
        ("\n\n Late line", "Late line"),
        ("word " * 40, "word " * 22 + "word…"),
        ("é" * 300, "é" * 119 + "…"),
        (FAMILY * 130, FAMILY * 119 + "…"),
        ("ਸ਼ਹਿ" * 80, "ਸ਼ਹਿ" * 59 + "ਸ਼" + "…"),
    ],
    ids=range(10),
)
def test_the_subject_is_the_first_line(text: str, subject: str) -> None:
    """Cut at a word, else between letters as people see them; quotes and joiners are parts of it."""
    assert subject_of(text) == subject


@pytest.mark.parametrize(
    ("content", "language"),
    [({"language": "pa"}, "pa"), ({"language": "en", "together": ("en", "pa")}, "en, pa"), ({"language": None}, None)],
)
def test_the_languages_of_the_text_are_said(content: dict[str, Any], language: str | None) -> None:
    """RFC 3282; a program that reads aloud chooses its voice by it."""
    intent = an_intent(a_profile("fire", "email"), "Boil water.", **content)
    raw = email_of(intent, "news@mission.example", 'City "of" Mission', "Boil water.", ()).as_bytes()
    read = message_from_bytes(raw, policy=default)
    assert read["Content-Language"] == language
    assert read["From"].addresses[0].display_name == "City  of  Mission"


@pytest.mark.parametrize(
    ("code", "words", "ours"),
    [
        (554, "5.7.1 Relay access denied", True),
        (550, "5.7.1 Service unavailable; client host blocked using Spamhaus", True),
        (550, "Relaying denied", True),
        (552, "mailbox full", True),
        (550, "5.2.2 over quota", True),
        (552, "5.3.4 Message too big", False),
        (554, "5.7.1 Rejected by policy", False),
        (452, "4.2.2 over quota", False),
        (550, "5.1.1 no such user", False),
        (553, "5.1.8 bad sender address", False),
        (550, "no such user", False),
        (550, "<relay@mission.example>: user unknown", False),
        (550, "Recipient address rejected: quota@mission.example is unknown", False),
        (554, "5.7.1 <unknown[192.0.2.4]>: Client host rejected: Access denied", True),
        (553, "5.7.1 <news@mission.example>: Sender address rejected: not owned by user onevoice", True),
        (504, "5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", True),
        (503, "5.5.1 Error: nested MAIL command", True),
        (550, "5.7.60 SMTP; Client does not have permissions to send as this sender", True),
        (550, "5.7.1 Client was not authenticated to send anonymous mail", True),
        (550, "5.7.25 The IP address sending this message does not have a PTR record", True),
        (550, "5.7.708 Service unavailable. Access denied, traffic not accepted from this IP", True),
        (554, "5.7.1 Sender rate limit exceeded", True),
        (550, "5.7.1 You have exceeded your daily sending limit", True),
        (550, "5.7.1 You are not allowed to post to this mailing list", True),
        (552, "5.3.4 Message size limit exceeded", False),
        (552, "5.2.3 Message exceeds maximum fixed size", False),
        (550, "5.7.1 Message rejected as spam", False),
        (550, "5.1.1 <user-authentication@lists.example>: Recipient address rejected: User unknown", False),
        (554, "5.7.1 <fire@lists.example>: Recipient address rejected: Access denied", False),
    ],
)
def test_a_refusal_of_who_sends_is_not_the_messages_end(code: int, words: str, ours: bool) -> None:
    assert is_about_us(code, words) is ours
