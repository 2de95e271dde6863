"""Why a connection did not come about, each with what to do."""

from __future__ import annotations

import socket
import ssl

import pytest

from services.kernel.base.errors import Exit
from services.kernel.base.network.encrypted import PlainServer
from services.kernel.base.network.refusal import why_not_connected

CASES = [
    (TimeoutError(), True, False, "no broker answers at URL", "onevoice up"),
    (TimeoutError(), False, False, "no broker answers at URL", "[nats] url"),
    (ConnectionRefusedError(111, "refused"), False, False, "no broker answers", "that the broker runs"),
    (TimeoutError(), False, True, "encrypted connections (TLS) only", "tls_ca"),
    (PlainServer("offers none"), False, False, "offers no encryption", "between you and it"),
    (ssl.SSLError(1, "[SSL] bad"), False, False, "certificate that is not trusted", "tls_ca"),
    (socket.gaierror(-2, "Name or service not known"), False, False, "name of the broker", "network"),
]


@pytest.mark.parametrize(("error", "embedded", "wants_tls", "message", "hint"), CASES)
def test_each_reason_has_its_words(error: Exception, embedded: bool, wants_tls: bool, message: str, hint: str) -> None:
    found = why_not_connected(error, url="URL", user="pio", embedded=embedded, wants_tls=wants_tls)
    assert (found.code, found.exit_status) == ("broker.unreachable", Exit.UNREACHABLE)
    assert message in found.message
    assert hint in found.hint


def test_a_key_that_is_not_known_is_refused() -> None:
    error = Exception("nats: 'Authorization Violation'")
    found = why_not_connected(error, url="URL", user="pio", embedded=True, wants_tls=False)
    assert (found.code, found.exit_status) == ("broker.denied", Exit.REFUSED)
    assert "pio" in found.message
