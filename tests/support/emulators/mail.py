"""A real SMTP or LMTP server (aiosmtpd) that keeps what it took, takes one password, and misbehaves on order."""

from __future__ import annotations

import asyncio
import email
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.emulators.base import Fault, Place, Post

USER, PASSWORD = "onevoice", "a-password-of-the-office"


class MailServer(Place):
    """Takes what comes for anybody. A fault with a ``code`` says it at RCPT (as text: ``550 words``), or at AUTH.

    ``refused_after`` says it after the text. ``lmtp``: it speaks LMTP (RFC 2033) instead of SMTP.
    """

    def __init__(self, lmtp: bool = False) -> None:
        super().__init__()
        self.lmtp = lmtp
        self.messages: list[EmailMessage] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._fault: Fault | None = None
        self._refused: Session | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"smtp://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(self._session, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    def _session(self) -> SMTP:
        speaking = LMTP if self.lmtp else SMTP
        return speaking(self, authenticator=self._authenticate, auth_require_tls=False, timeout=20)

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        given = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        fault = next((one for one in self.faults if one.code.startswith("53")), None)
        if fault is not None:
            self.faults.remove(fault)
            self._refused = session
        return AuthResult(success=given and self._refused is not session, handled=False)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's own name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._fault = self.fault_for("post")
        if self._fault is not None and self._fault.kind == "error":
            return self._fault.code
        if self._fault is not None and self._fault.kind == "rate_limit":
            return "451 4.7.1 Greylisted, please try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        fault, self._fault = self._fault, None
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "refused_after":
            return fault.code
        if fault is None or not fault.kind.endswith("_before"):
            self._keep(envelope)
        if fault is not None and fault.kind.startswith("html"):
            return "<html><h1>Welcome</h1></html>"
        if fault is not None and fault.kind != "slow" and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return f"250 2.0.0 OK: queued as {self.next_id()}"

    def _keep(self, envelope: Envelope) -> None:
        content = envelope.content
        message = email.message_from_bytes(content if isinstance(content, bytes) else b"", policy=default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        body = message.get_body(("plain",))
        text = body.get_content().replace("\r\n", "\n").removesuffix("\n") if body is not None else ""
        for address in envelope.rcpt_tos:
            self.posts.append(Post(str(message["Message-ID"]), address, text, (), str(message["In-Reply-To"] or "")))
