"""What reads NATS headers here reads them as nats-py does, and is asked in its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

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


@pytest.mark.parametrize("client", [EncryptedClient, SigningClient])
def test_our_clients_ask_it_in_place_of_nats_pys_own(client: type[Client]) -> None:
    assert "_parse_header_lines" in vars(Client)
    assert client._parse_header_lines is QuickHeaders._parse_header_lines


def test_a_message_that_comes_is_read_by_it() -> None:
    block = b"NATS/1.0\r\nNats-Msg-Id: one\r\nbad name: two\r\nNats-Stream:L\r\n\r\n"
    reading = EncryptedClient()._process_headers(block)
    with pytest.raises(StopIteration) as ended:
        reading.send(None)
    assert ended.value.value == {"Nats-Msg-Id": "one", "Nats-Stream": "L"}
