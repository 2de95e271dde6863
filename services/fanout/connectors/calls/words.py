"""What servers say in a refusal, and about what: the words that part the message's end from what can be mended. Pure.

Statuses alone do not tell: servers say with 400, 403, 404, 406 or 422 what RFC 6750 and RFC 6585 have 401 and 429 for.
"""

from __future__ import annotations

import re

from services.fanout.connectors.calls.http import WORDS, Answer

_RIGHT = r"(?:permissions?|privileges?|rights?|write access|access)"
_OF_A_POST = r"(?:post|status|message|thread|conversation|note|media|image|picture|video|file|record|hashtag)"
_ITS_READERS = (
    r"(?! to (?:reply|respond|answer|mention|quote|comment|view|see|read|tag)\b)"
    rf"(?! to (?:(?:use|share|post|include) )?(?:this|that|the|such) {_OF_A_POST}s?\b)"
)
"""A right towards somebody's post is no right of the credential: another token would not have it."""
SCOPE = re.compile(
    r"scope|necessary permission|app permission|permission[_ ]denied|token lacks"
    r"|read[- ]only (?:token|app|access|api|key)"
    r"|(?:insufficient|missing|not enough|lacks?)(?: the)?[_ ]?(?:[\w:.]+[_ ])?(?:account)?"
    rf"(?:permission|privilege|right)s?\b{_ITS_READERS}"
    rf"|\b(?:do(?:es)?(?: not|n['’]t) have|has no|have no)(?: \w+){{0,3}} {_RIGHT}\b{_ITS_READERS}",
    re.IGNORECASE,
)
"""Mastodon: "outside the authorized scopes"; Pleroma: "Insufficient permissions: ..."; X: "app permissions"."""
_NOT_YET = r"(?:not (?:yet )?(?:been )?)(?:approved|confirmed|verified|activated)"
_PENDING = r"(?:pending|awaiting|waiting for)(?: \w+){0,2} (?:approval|confirmation|review|verification|activation)"
LOGIN = re.compile(
    r"\blogin(?: is| has been)?(?: currently)? (?:disabled|locked|pending|missing)"
    rf"|\baccount(?: is| has)?(?: currently| still)? (?:{_NOT_YET}|{_PENDING})"
    r"|\b(?:account|login|user)(?: is| has)?(?: been)? (?:temporarily|currently)"
    r" (?:locked|restricted|limited|disabled|blocked)|(?:accept|agree to) (?:\w+ ){0,3}terms\b"
    r"|(?:un)?confirmed e-?mail|(?:confirm|verify) your (?:e-?mail|phone|account|identity)"
    rf"|e-?mail(?: address)?(?: is| has)? {_NOT_YET}|\b(?:2fa|(?:two|multi)-?factor)\b|invalid credentials",
    re.IGNORECASE,
)
"""What is said when nothing is wrong with the message: somebody has to set the login right there. An account that is
suspended is not among it: it posts nothing more."""
_BEARER = r"(?:token|session|credentials?|api key|signature)"
_NOT_OF_JSON = r"(?! +(?:at|near|in(?! (?:the )?(?:[\w-]+ )?(?:headers?|request|cookies?)\b)) )"
"""Parsers call a piece of what they read a token, too."""
TOKEN = re.compile(
    rf"invalid[_ ]?(?:(?:access|bearer|oauth|api|auth|refresh)[_ ]?)?(?:token|grant)\b{_NOT_OF_JSON}"
    r"|(?:expired|revoked)[_ ]?token"
    r"|(?:invalid|unauthorized)_client|(?:bad|invalid)(?: \w+)? credentials"
    rf"|\b{_BEARER}(?: \w+)? (?:is |was |has |have |were )?(?:been )?"
    r"(?:not (?:valid|provided)|invalid|expired|revoked|missing|malformed|required)"
    r"|requires? an authenticated|not authenticated|unauthenticated|authentication (?:is )?(?:required|failed)"
    r"|\bunauthori[sz]ed\b(?! (?:use|content|links?|urls?|words?|characters?|media|domains?|hashtags?)\b)"
    rf"|(?<!anonymous is )\bnot authori[sz]ed\b{_ITS_READERS}"
    r"|\blog[- ]?in (?:is )?required|must (?:be logged|log) in",
    re.IGNORECASE,
)
RATE = re.compile(
    r"rate[- _]?limit|too[ _]many[ _](?:requests|attempts|calls)|throttl|slow[ _]down|enhance your calm"
    r"|\bquota\b"
    r"|\b(?:requests?|calls?|usage|posting|api)(?: (?!size|body|length|payload|entity|text)\w+)? limit\b"
    r"|\b(?:hourly|daily|weekly|monthly)(?: \w+){0,2} limit\b",
    re.IGNORECASE,
)
LATER = re.compile(
    r"\btry(?:ing)? again (?:later|soon|in \w+|after )|\b(?:post|upload|write)s? limit\b"
    r"|\bwait (?:for )?(?:a|an|\d+|some|until|before)\b"
    r"|\btoo (?:often|fast|quickly|frequently)\b",
    re.IGNORECASE,
)
"""That time mends it, in words that say no more."""
_HOST = r"host(?: ?name)?(?!(?: ?name)? in (?:the )?(?:url|link))"
WALL = re.compile(
    r"cloudflare|firewall|\bwaf|akamai|incapsula|imperva|sucuri|request is blocked|error code:? 1[0-2][0-9]{2}\b"
    r"|access denied.* 10[0-9]{2}\b|\byour (?:ip|network|browser)\b|captcha|\bddos\b|default backend|unusual traffic"
    r"|\bip(?: address)?\b[^.]{0,40}\b(?:blocked|banned|denied|not allowed|allow-?list|white-?list)"
    rf"|(?<!link )(?<!url )\b{_HOST}(?: header)?\b[^.]{{0,20}}(?:not allowed|invalid)|\binvalid {_HOST}"
    r"|http request was sent to https",
    re.IGNORECASE,
)
"""What stands before servers, and how it speaks; also of who calls it, and by which name."""
AWAY = re.compile(r"\bmaintenance\b|read[- ]only|temporarily (?:unavailable|out of)|\boverloaded\b", re.IGNORECASE)
"""What servers say with 4xx where RFC 9110 has 503 for it."""
_NOT_OF_A_KEY = r"(?<!token )(?<!signature )(?<!credential )(?<!credentials )(?<!key )"
_A_TIME = r"(?! (?:per|an?|each|every) (?:second|minute|hour|day|week|month)\b)"
_MESSAGE = re.compile(
    r"duplicate|identical|already (?:posted|said|sent)|suspended"
    rf"|{_NOT_OF_A_KEY}validation failed|(?<!from )(?<!against )\bspam\b|content policy"
    r"|cannot attach"
    r"|violates|(?:used|mentioned|repeated) too (?:often|frequently)"
    r"|\blinks? (?:to \S{1,60} )?(?:is|are) (?:not allowed|blocked|forbidden|banned|prohibited)"
    r"|\d ?(?:characters|graphemes|words|bytes|[kmg]i?b|pixels|images|pictures|files|links|mentions|(?:hash)?tags)\b"
    rf"{_A_TIME}"
    r"|(?:forbidden|banned|blocked|prohibited|disallowed)[_ ](?:\w+ )?(?:words?|content|links?|terms?|domains?)"
    r"|(?:text|status|post|message|content) contains|(?<!took )too long|too similar|character limit"
    r"|too many (?:characters|links|mentions|tags|hashtags)",
    re.IGNORECASE,
)
"""What is said of a message, or of an account that posts no more: its end, whatever else the sentence names."""
_THIS = re.compile(
    r"\b(?:this|your|the) (?:text|message|post|status|content|link|picture|image|video)\b", re.IGNORECASE
)
_QUOTED = re.compile(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|“[^”]*”|«[^»]*»")
_BY_A_WALL = frozenset({"cloudflare_error", "ray_id", "rayid", "incident_id", "incidentid", "fault", "waf"})
_GATEWAY = frozenset({"message", "request_id", "requestid", "statuscode"})
_PHRASES = re.compile(
    r"(?:HTTP )?(?:40[346] )?(?:forbidden|not found|access denied|not acceptable|bad request)\.?", re.IGNORECASE
)
"""What a status alone says (RFC 9110): with a status in the body, a framework's words and not the platform's."""


def said(answer: Answer) -> str:
    """Return what a refusal in JSON says, names and codes too, without what it quotes; empty for a page."""
    if isinstance(answer.body, list):
        return _QUOTED.sub(" ", "; ".join(one for one in answer.body if isinstance(one, str))[:WORDS])
    if isinstance(answer.body, str):
        return _QUOTED.sub(" ", answer.body[:WORDS])
    if not isinstance(answer.body, dict):
        return ""
    names = [
        str(part[key])
        for part in _parts(answer.body)
        for key in ("error", "code", "type", "status", "reason")
        if isinstance(part.get(key), str | int)
    ]
    return _QUOTED.sub(" ", f"{answer.told[:WORDS]} {' '.join(names)}"[: 2 * WORDS])


def is_of_the_message(answer: Answer) -> bool:
    """Say whether the platform itself speaks of the message, or of an account that posts no more."""
    return _MESSAGE.search(said(answer)) is not None


def names_the_message(answer: Answer) -> bool:
    """Say whether a refusal is of "this text", "your post" and the like."""
    return _THIS.search(said(answer)) is not None


def is_a_walls(answer: Answer, body: dict[str, object]) -> bool:
    """Say whether an object of JSON is of a firewall, of Cloudflare, of a gateway or a framework, of a server that is
    away, or says nothing at all.
    """
    if not body:
        return answer.status in (403, 404)
    names = {str(name).lower() for name in body}
    if {"success", "errors"} <= names or names & _BY_A_WALL:
        return True
    if answer.status != 400 and _is_a_gateways(answer, body, names):
        return True
    return WALL.search(said(answer)) is not None or AWAY.search(said(answer)) is not None


def _is_a_gateways(answer: Answer, body: dict[str, object], names: set[str]) -> bool:
    """Say whether an error is in the form of a gateway or a framework (AWS, Kong, Azure, Spring, FastAPI, JAX-RS)."""
    if {"timestamp", "status", "error", "path"} <= names:
        return True
    if names == {"detail"} or ("message" in names and names <= _GATEWAY):
        return not names_the_message(answer)
    told = [one for name in ("error", "message") if isinstance(one := body.get(name), str)]
    coded = any(body.get(name) == answer.status for name in ("status", "statusCode", "code"))
    return coded and bool(told) and all(_PHRASES.fullmatch(one) for one in told)


def _parts(body: dict[str, object]) -> list[dict[str, object]]:
    """Return an error's object and those in it: under ``error`` or ``fault``, and the first of ``errors``."""
    parts, inner = [body], body.get("error") or body.get("fault")
    if isinstance(inner, dict):
        parts.append(inner)
    for part in list(parts):
        several = part.get("errors")
        if isinstance(several, list) and several and isinstance(several[0], dict):
            parts.append(several[0])
    return parts
