"""What is in front of every page: the one host name, and the headers."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from schemas.events.passkeys import WebPlace

POLICY = (
    "default-src 'none'; script-src 'self'{nonce}; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types htmx onevoice"
)
HEADERS = {
    "Content-Security-Policy": POLICY.format(nonce=""),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
STRICT_TRANSPORT = "max-age=31536000"


def policy(nonce: str) -> str:
    """Return the policy of a page: htmx acts only on elements that bear its nonce, so that none can be slipped in."""
    return POLICY.format(nonce=f" 'nonce-{nonce}'")


class Origin:
    """What browsers type: scheme, host and port. Another host name, or plain HTTP where TLS is meant, is refused."""

    def __init__(self, place: WebPlace) -> None:
        parts = urlsplit(place.origin)
        self.text = place.origin
        self.rp_id = place.rp_id
        self.secure = parts.scheme == "https"
        self._host = parts.netloc

    def refuses(self, request: web.Request) -> str | None:
        """Return why a request is not answered at all, or None."""
        if request.host.casefold() != self._host:
            return "host"
        if self.secure and request.headers.get("X-Forwarded-Proto") != "https":
            return "plain"
        return None

    def is_own(self, request: web.Request) -> bool:
        """True when a form was sent from a page of this very origin."""
        return request.headers.get("Origin") == self.text


def add_headers(response: web.StreamResponse, secure: bool) -> None:
    """Put the security headers on an answer; pages are kept by no cache."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if secure:
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    response.headers.setdefault("Cache-Control", "no-store")
