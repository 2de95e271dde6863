"""LinkedIn's programmatic refresh tokens (learn.microsoft.com/linkedin, "Refresh Tokens with OAuth 2.0").

Only some partners' applications get one: it lives for a year from the login, and a new one never lives longer. What
renews a page's token is kept as ``client:secret:refresh token``. It also lets the token be asked what it may do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode

from services.fanout.connectors.calls.http import Answer, Endpoint, Http, Outcome
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.calls.refusals import refusal
from services.fanout.connectors.credentials.renewing import NewCredential, NotRenewed
from services.fanout.connectors.credentials.tokens import TokenFault
from services.kernel.base.clock import Clock

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Application:
    """The city's application, and what renews a token that was given to it."""

    client: str
    secret: str = field(repr=False)
    refresh_token: str = field(repr=False)

    def kept(self) -> str:
        """Return it as its file holds it."""
        return ":".join((self.client, self.secret, self.refresh_token))


def read_application(text: str) -> Application:
    """Read what ``Application.kept`` wrote; raises TokenFault for something else."""
    parts = text.split(":", 2)
    if len(parts) != 3 or not all(parts):
        raise TokenFault("what renews the credential is not client:secret:refresh token")
    return Application(*parts)


class LinkedInLogin:
    """Calls the server that gives tokens out; ``site`` is LinkedIn's."""

    def __init__(self, site: str, http: Http, clock: Clock) -> None:
        self._site, self._http, self._clock = site, http, clock

    async def renewed(self, application: Application, deadline: float) -> NewCredential | NotRenewed:
        """Redeem the refresh token for a newer token; ``deadline`` is the loop's time."""
        form = {"grant_type": "refresh_token", "refresh_token": application.refresh_token}
        outcome = await self._post("/oauth/v2/accessToken", form, application, deadline)
        if not isinstance(outcome, Answer) or outcome.status != 200:
            return NotRenewed(refusal(outcome, self._clock).reason)
        body = outcome.body if isinstance(outcome.body, dict) else {}
        token, seconds, following = (body.get(one) for one in ("access_token", "expires_in", "refresh_token"))
        if not isinstance(token, str) or not token or not isinstance(seconds, int) or seconds <= 0:
            return NotRenewed("the platform answers without a token that lasts")
        expires = self._clock.now().replace(microsecond=0) + timedelta(seconds=seconds)
        changed = isinstance(following, str) and following not in ("", application.refresh_token)
        renews = Application(application.client, application.secret, str(following)).kept() if changed else ""
        return NewCredential(token, expires, renews)

    async def scopes_of(self, token: str, application: Application, deadline: float) -> frozenset[str] | None:
        """Return what a token may do (introspectToken); None where LinkedIn does not say."""
        outcome = await self._post("/oauth/v2/introspectToken", {"token": token}, application, deadline)
        body = json_of(outcome)
        scope = body.get("scope") if isinstance(body, dict) and body.get("active") is True else None
        return frozenset(scope.replace(",", " ").split()) if isinstance(scope, str) else None

    async def _post(self, path: str, form: Mapping[str, str], application: Application, deadline: float) -> Outcome:
        whole = {**form, "client_id": application.client, "client_secret": application.secret}
        hidden = application.secret, application.refresh_token, *((form["token"],) if "token" in form else ())
        endpoint = Endpoint(self._site, "", deadline, hidden)
        return await self._http.call(endpoint, "POST", path, data=urlencode(whole).encode(), headers=_FORM)
