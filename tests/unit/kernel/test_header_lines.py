"""What reads NATS headers here reads them as nats-py does, and is asked in its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.errors import BadHeaderError, BadSubjectError

from services.desk.connection.light_nats import SigningClient
from services.kernel.base.network.header_lines import QuickHeaders
from services.kernel.runtime.messages.encrypted_client import EncryptedClient

_PIECES = st.sampled_from(
    [
        b"Nats-Msg-Id",
        b":",
        b": ",
        b"\r\n",
        b"\r",
        b"\n",
        b"\t",
        b" ",
        b"a b",
        b"value",
        b"\xc3\xa9",
        b"\xff",
        b"\xe2",
        b"\x80\xa8",
        b"\x1c",
    ]
)


@given(st.lists(_PIECES, max_size=30).map(b"".join))
def test_headers_are_read_as_nats_py_reads_them(raw: bytes) -> None:
    expected = Client._parse_header_lines(raw)
    assert list(QuickHeaders._parse_header_lines(raw).items()) == list(expected.items())


_HEADERS = st.dictionaries(
    st.sampled_from(["Nats-Msg-Id", " padded ", "", "a b", "caf\xe9", "x:y", "X_1"]),
    st.text(st.sampled_from("ab \t\r\n\xe9\u2028\U0001f6a7"), max_size=6),
    max_size=4,
)


@given(st.none() | _HEADERS, st.sampled_from([b"", b"body"]), st.sampled_from(["", "_INBOX.1"]))
def test_messages_are_written_as_nats_py_writes_them(
    headers: dict[str, str] | None, payload: bytes, reply: str
) -> None:
    assert written(EncryptedClient(), headers, payload, reply) == written(Client(), headers, payload, reply)


def test_a_message_without_a_subject_is_refused_as_nats_py_refuses_it() -> None:
    with pytest.raises(BadSubjectError):
        EncryptedClient()._send_publish("", "", b"", 0, {"X": "1"}).send(None)


def written(client: Client, headers: dict[str, str] | None, payload: bytes, reply: str) -> object:
    """Return what a client that is not connected yet would send, and what it counts; or why it does not."""
    client._pending = []
    sending = client._send_publish("ledger.control", reply, payload, len(payload), headers)
    try:
        sending.send(None)
    except StopIteration:
        return b"".join(client._pending), client._pending_data_size, client.stats
    except BadHeaderError as error:
        return str(error)
    raise AssertionError("it waits for something")


@pytest.mark.parametrize("client", [EncryptedClient, SigningClient])
def test_our_clients_ask_it_in_place_of_nats_pys_own(client: type[Client]) -> None:
    assert {"_parse_header_lines", "_send_publish", "_send_command", "_flush_pending"} <= vars(Client).keys()
    assert client._parse_header_lines is QuickHeaders._parse_header_lines
    writing: object = client._send_publish
    assert writing is QuickHeaders._send_publish


def test_a_message_that_comes_is_read_by_it() -> None:
    block = b"NATS/1.0\r\nNats-Msg-Id: one\r\nbad name: two\r\nNats-Stream:L\r\n\r\n"
    reading = EncryptedClient()._process_headers(block)
    with pytest.raises(StopIteration) as ended:
        reading.send(None)
    assert ended.value.value == {"Nats-Msg-Id": "one", "Nats-Stream": "L"}
