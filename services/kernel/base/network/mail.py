"""Sends a mail by the server that [notify] of city.toml names. It blocks: call it in a thread."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from services.kernel.base.city import City
from services.kernel.base.network.tls import public_context
from services.kernel.base.settings.city_file import NotifySection

_SMTP_SECONDS = 20.0


def send_mail(
    to: Sequence[str],
    subject: str,
    text: str,
    city: City,
    settings: NotifySection,
    attached: tuple[str, bytes] | None = None,
) -> dict[str, str]:
    """Send a text, with a file (name, content) where one is attached; return whom the server refused, and why.

    Raises:
        OSError, SMTPException, ValueError: nobody got it, and the server did not say whom it refuses.
    """
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.sender, ", ".join(to), subject
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=settings.sender.partition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notice answers it
    message.set_content(text)
    if attached is not None:
        message.add_attachment(attached[1], "application", "octet-stream", filename=attached[0])
    host, _, port = settings.smtp.rpartition(":")
    context = public_context() if settings.security != "none" else None
    if settings.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, int(port), timeout=_SMTP_SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, int(port), timeout=_SMTP_SECONDS)
    with server:
        if settings.security == "starttls":
            server.starttls(context=context)
        if settings.user is not None:
            server.login(settings.user, (city.notify_folder / "smtp.password").read_text("utf-8").strip())
        try:
            refused = server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:  # all of them
            refused = error.recipients
    return {one: f"{code} {said.decode(errors='replace')}" for one, (code, said) in refused.items()}
