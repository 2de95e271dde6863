"""An entry that a durable delivered is the entry that any other reader has, to the microsecond of its stamp."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from nats.aio.msg import Msg
from nats.errors import NotJSMessageError

from services.kernel.runtime.messages.dependencies import to_entry

SECOND = datetime(2026, 11, 26, 6, 49, 17, tzinfo=UTC)


def delivered(reply: str) -> Msg:
    return Msg(_client=cast(Any, None), subject="ledger.control", reply=reply, data=b"{}")


@pytest.mark.parametrize("form", ["$JS.ACK.LEDGER.d.1.5.6.{}.0", "$JS.ACK._.hash.LEDGER.d.1.5.6.{}.0.token"])
@pytest.mark.parametrize(("fraction", "microseconds"), [("828806999", 828806), ("000000499", 0), ("999999999", 999999)])
def test_its_stamp_is_the_servers_rounded_down(form: str, fraction: str, microseconds: int) -> None:
    entry = to_entry(delivered(form.format(f"{int(SECOND.timestamp())}{fraction}")))
    assert (entry.seq, entry.at) == (5, SECOND.replace(microsecond=microseconds))


@pytest.mark.parametrize("reply", ["", "_INBOX.x.y", "$JS.ACK.LEDGER.d"])
def test_what_no_durable_delivered_is_no_entry(reply: str) -> None:
    with pytest.raises(NotJSMessageError):
        to_entry(delivered(reply))
