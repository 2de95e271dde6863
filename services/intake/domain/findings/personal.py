"""Personal information in a text: telephone numbers, e-mail addresses, social insurance and health numbers.

A number counts by its shape and by what is around it: one number in ten has a right check digit by chance. Dates,
times and what the city publishes are masked first. A hit is masked: the number itself goes into no finding. Toll-free
numbers, the city's published numbers and addresses, and addresses of public bodies are contact information, not
personal information (FIPPA, Schedule 1). Shapes: social insurance numbers are 3-3-3 and a person's never begins with 0
or 8 (Service Canada), BC health numbers are 4-3-3 and begin with 9 (HealthLinkBC).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import regex

from schemas import links
from services.intake.domain.findings.masks import mask_dates, mask_digits

_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\u3000"), " ")

_DOTTED = re.compile(r"(?<=\d)[\u00b7\u2022\u2027\u22c5\u30fb](?=\d)")
"""Dots in the middle, as in 604·555·0199."""

_GAP = r" ?[.\-/]? ?"
_ALONE = r"(?<![\w+])(?<!\d[ .,\-/])"
_ENDS = r"(?!\w|[ .,\-/]?\d)"
_SIN = re.compile(rf"{_ALONE}(\d{{3}})(?P<gap>{_GAP})(\d{{3}})(?P=gap)(\d{{3}}){_ENDS}")
_PHN = re.compile(rf"{_ALONE}(9\d{{3}})(?P<gap>{_GAP})(\d{{3}})(?P=gap)(\d{{3}}){_ENDS}")
_SIN_WORD = re.compile(r"(?i)\b(?:s\.?i\.?n\.?|n\.?a\.?s\.?|social insurance|assurance sociale)\b[^\d\n]{0,30}$")
_PHN_WORD = re.compile(
    r"(?i)\b(?:phn|personal health|health (?:number|card)|care ?card|carte sant[eé])\b[^\d\n]{0,30}$"
)
_OTHER_WORD = re.compile(
    r"(?i)\b(?:permits?|permis|pids?|parcels?|folios?|rolls?|r[oô]le|lots?|plans?|files?|dossiers?|tenders?|bids?|soumissions?|"
    r"invoices?|factures?|orders?|commandes?|contracts?|contrats?|claims?|r[eé]clamations?|ref(?:erence)?s?|r[eé]f[eé]rences?|"
    r"units?|unit[eé]s?|suites?|rooms?|salles?|chambres?|apartments?|appartements?|apts?|apps?|houses?|maisons?|addresses|adresses|"
    r"stalls?|sites?|campsites?|blocks?|sections?|districts?|zones?|routes?|bus|buses|autobus|lignes?|lines?|highways?|roads?|exits?|"
    r"wells?|puits|hydrants?|poles?|poteaux|meters?|compteurs?|vehicles?|v[eé]hicules?|trucks?|camions?|plates?|plaques?|"
    r"frequency|frequencies|fr[eé]quences?|channels?|canaux|canal|population|gst|hst|pst|tps|tvq|tvh|bn|business|entreprise|"
    r"charit(?:y|able)|registration|enregistrement|tracking|suivi|bylaws?|licen[cs]es?|licences?|serial|s[eé]rie|models?|mod[eè]les?|"
    r"parts?|pi[eè]ces?|cases?|cas|incidents?|projects?|projets?|accounts?|comptes?|isbn|issn|barcode|meetings?|zoom|webinar|passcode|"
    r"event id|id|po|rfp|rfq)"
    r"(?:\s+(?:no|nos|n[o°º]|numbers?|num[eé]ros?|ids?))?\.?[ \t]*(?:[:#]\s*)?\Z"
)
_NUMBERED_WORD = re.compile(
    r"(?i)\b(?:events?|[eé]v[eé]nements?|tickets?|billets?|bookings?|reservations?|r[eé]servations?|confirmations?|receipts?|re[cç]us?|"
    r"dockets?|batch(?:es)?|samples?|[eé]chantillons?|catalogues?|items?|articles?|certificates?|certificats?|warrants?|mandats?|"
    r"jobs?|tasks?|t[aâ]ches?|requests?|demandes?|applications?|notices?|avis|alerts?|alertes?|bulletins?|advisor(?:y|ies)|"
    r"warnings?|fires?|incendies?|feux|occurrences?|assets?|actifs?|tags?|labels?|badges?|bridges?|ponts?|culverts?|"
    r"ponceaux?|pumps?|pompes?|valves?|vannes?|gauges?|wards?|documents?|forms?|formulaires?|agreements?|ententes?|grants?|"
    r"inspections?|surveys?|sondages?|quotes?|quotations?|shipments?|parcelles?|colis|containers?|conteneurs?|"
    r"violations?|citations?|offences?|infractions?|versions?|releases?|editions?|"
    r"transactions?|vouchers?|coupons?|refunds?|bons?|series|stops?|arr[eê]ts?|trips?|flights?|vols?|trains?)"
    r"(?P<number>\s+(?:no|nos|n[o°º]|numbers?|num[eé]ros?|ids?|codes?|refs?))?\.?[ \t]*(?P<sign>[:#]\s*)?\Z"
)
"""What has a number, and may have a telephone's behind it too ("for bookings: 604 ..."): of a telephone it says
something only together with "no." or the like."""
_DWELLING = re.compile(
    r"(?i)\b(?:units?|unit[eé]s?|suites?|rooms?|salles?|chambres?|apartments?|appartements?|apts?|houses?|maisons?|addresses"
    r"|adresses)\.?[ \t]*(?:[:#]\s*)?\Z"
)
"""What has a number of a few digits: one of ten behind it is a telephone's."""
_REACHED = re.compile(
    r"(?i)\b(?:(?:lines?|lignes?|bus|buses|autobus|business|entreprise)"
    r"(?:\s+(?:no|nos|n[o°º]|numbers?|num[eé]ros?|ids?))?"
    r"|permits?|claims?|orders?|licen[cs]es?|registration|charity|parts?|apps?|accounts?|meetings?|webinar|projects?|sites?"
    r"|campsites?|sections?|districts?|zones?|routes?|highways?|roads?|trucks?|vehicles?|permis|r[eé]clamations?|commandes?"
    r"|enregistrement|pi[eè]ces?|comptes?|projets?|camions?|v[eé]hicules?)\.?[ \t]*(?::\s*)?\Z"
)
"""What has a number and is telephoned to as well ("info line 604-..."): in a telephone's shape it is a telephone's."""
_HOUSE_BEFORE = re.compile(
    r"(?<![\w+.\-])((?:\d{1,3}-)?\d{1,5}[a-z]?) (?=[2-9]\d\d [2-9]\d\d \d{4}(?![\w-]))", re.IGNORECASE
)
"""A number of a house or a room before a telephone's whose groups stand apart: read as one they would be neither."""
_NO_PERSONS = "08"
"""First digits that no person's social insurance number has: fictitious ones, and numbers of businesses."""

_MONEY = re.compile(r"(?:[$€£]|\b(?:CAD|USD|EUR))\s?$")
_MEASURED = re.compile(
    r"[ \t]?(?:[$€£%]|m[²³]|(?:l/s|l/min|m3/s|km/h"
    r"|dollars?|residents?|people|households?|homes|m[23]|km2?|kwh|[mgk]hz|litres?|liters?|ha"
    r"|hectares?|tonnes?|kg|customers?|clients?|foyers?|personnes?|cubic)\b)",
    re.IGNORECASE,
)
"""What behind a number says that it is an amount. The next line is another sentence, not its unit."""
_SIZE = re.compile(
    r"(?i)\b(?:elevation|altitude|height|hauteur|depth|profondeur|length|longueur|distance|flow|d[eé]bit|level|niveau|discharge"
    r"|volume)\b[ \t]*(?:of|de|is|est|:)?[ \t]*\Z"
)
_LENGTH = re.compile(r"[ \t]?(?:[ckm]?m|ft|feet|pieds)(?![\w'’/\-])")
"""A length's unit; behind a number alone it may be a day ("604 ... m-f"), so the size before it has to be named."""
_BARE = re.compile(r"[\d ]+")
"""How an amount may be written. A number with hyphens, dots, brackets or a plus is a telephone's, whatever follows."""
_BEFORE = 48
"""Characters before a number that are looked at for what it is."""

_AT = (
    r"(?:@ ?| @ | ?[(\[{<](?:at|arobase)[)\]}>] ?|(?<=[^\W\d])[(\[{]a[)\]}](?=\w)| at (?=[\w-]+ dot )"
    r"| arobase (?=[\w-]+(?: point |\.)))"
)
"""``name @host`` is a name and a handle, as on Bluesky."""
_DOT = r"(?:\.| ?[(\[{<](?:dot|point)[)\]}>] ?| dot |(?<= arobase [\w.\- ]{1,63}) point )"
_TOP = r"(?:[a-z]{2,63}(?=\p{Lo})|[^\W\d_]{2,})"
"""Letters without capitals behind an ASCII one are text that is written without spaces: no top is of both."""
_WORD, _SIGN = r"\w.+\-", r"!#$%&'*/=?^`{|}~"
_ADDRESS = regex.compile(
    rf"(?:(?<![{_WORD}{_SIGN}@])|(?<=@)[{_WORD}]*+(?=[{_SIGN}]))(?P<address>[{_WORD}{_SIGN}]+{_AT}(?P<host>(?:[\w-]+{_DOT})+{_TOP}))",
    regex.IGNORECASE,
)
"""One begins where nothing of one stands before it: a text of signs alone is read once, not from each of them on."""
_ATS = regex.compile(_AT)
_DOTS = regex.compile(r"\.| ?[(\[{<](?:dot|point)[)\]}>] ?| dot | point ")
_BESIDE = regex.compile(r"^(?:.*(?:\p{Lo}\p{M}*|[/=?*|{}]))?['_`~]*(?=[a-z0-9])", regex.IGNORECASE)
"""What may stand before an address without a space: such a text, signs of emphasis, the word before a stroke."""
PUBLIC_BODIES = re.compile(
    r"(?:.+\.)?(?:gc\.ca|canada\.ca|gov\.[a-z]{2}\.ca|gouv\.[a-z]{2}\.ca|leg\.bc\.ca|qu[eé]bec\.ca|"
    r"(?:alberta|ontario|saskatchewan|manitoba|novascotia|yukon|princeedwardisland|gnb)\.ca)",
    re.IGNORECASE,
)
"""Hosts of Canada's federal, provincial and territorial governments."""


_FILE = re.compile(r"[1-4]x\.(?:png|jpe?g|gif|webp|svg)", re.IGNORECASE)
"""The end of a picture's name, as in ``map@2x.png``."""


@dataclass(frozen=True)
class Hit:
    """One place that looks personal: a stable code, what it looks like, the masked quotation."""

    code: str
    what: str
    masked: str


def find(
    text: str,
    region: str,
    city_host: str,
    published_numbers: tuple[str, ...],
    published_addresses: tuple[str, ...] = (),
) -> Iterator[Hit]:
    """Yield what looks like personal information, in the order health, insurance, telephone, e-mail.

    Args:
        text: any text in its final form.
        region: where a telephone number without a country code is from (ISO 3166, as in CA).
        city_host: the host of the city's website; addresses at it are the city's own.
        published_numbers: telephone numbers that the city publishes, as people write them.
        published_addresses: e-mail addresses, or hosts of such, that may be published.
    """
    plain = _plain(text)
    numbers = mask_digits(mask_dates(plain), published_numbers)
    for hit, start, end in list(_registered(numbers)):
        yield hit
        numbers = numbers[:start] + ";" * (end - start) + numbers[end:]
    yield from _telephones(links.without(numbers), region, published_numbers)
    yield from _addresses(plain, city_host, published_addresses)


def _plain(text: str) -> str:
    """Return a text with one sign of each kind. Where other writing follows a link, a space is put behind it: there
    NFKC may make a sign of which the link would be (a full-width ``|``)."""
    pieces, end = [], 0
    for link in links.find(text):
        pieces.append(text[end : link.end])
        end = link.end
        if not text[end : end + 1].isascii():
            pieces.append(" ")
    plain = unicodedata.normalize("NFKC", "".join([*pieces, text[end:]])).translate(_DASHES).translate(_SPACES)
    return _DOTTED.sub(".", plain)


def _registered(plain: str) -> Iterator[tuple[Hit, int, int]]:
    from stdnum import luhn
    from stdnum.ca import bc_phn

    for shape, word, code, what, valid in (
        (_PHN, _PHN_WORD, "phn", "a BC personal health number", bc_phn.is_valid),
        (_SIN, _SIN_WORD, "sin", "a social insurance number", luhn.is_valid),
    ):
        for match in shape.finditer(plain):
            digits = re.sub(r"\D", "", match.group())
            before = plain[max(0, match.start() - _BEFORE) : match.start()]
            named = word.search(before) is not None
            shaped = code == "phn" or (match["gap"] != "" and digits[0] not in _NO_PERSONS and not _is_list(match))
            other = _is_other(before) or _NUMBERED_WORD.search(before) or _is_size(plain, before, match.end())
            if valid(digits) and digits.strip("0") and (named or (shaped and not other)):
                yield Hit(code, what, _mask(digits)), match.start(), match.end()


def _is_list(match: re.Match[str]) -> bool:
    """Say whether three numbers are several things' and no person's: between strokes, or ascending in one hundred."""
    first, second, third = match[1], match[3], match[4]
    return "/" in match["gap"] or (first[0] == second[0] == third[0] and first < second < third)


def _is_other(before: str) -> bool:
    """Say whether what is before a number names it as something else: a permit, a parcel, money."""
    return _OTHER_WORD.search(before) is not None or _MONEY.search(before) is not None


def _telephones(plain: str, region: str, published: tuple[str, ...]) -> Iterator[Hit]:
    import phonenumbers as tel

    allowed = {
        tel.format_number(match.number, tel.PhoneNumberFormat.E164)
        for number in published
        for match in tel.PhoneNumberMatcher(number, region)
    }
    plain = _HOUSE_BEFORE.sub(r"\1;", plain)
    for match in tel.PhoneNumberMatcher(plain, region):
        number = tel.format_number(match.number, tel.PhoneNumberFormat.E164)
        free = tel.number_type(match.number) == tel.PhoneNumberType.TOLL_FREE
        before = plain[max(0, match.start - _BEFORE) : match.start]
        bare = _BARE.fullmatch(match.raw_string) is not None
        other = _has_other_number(before, bare) or _is_size(plain, before, match.end, bare)
        if not free and not other and number not in allowed:
            yield Hit("phone", "a telephone number", _mask(number.removeprefix("+")))


def _has_other_number(before: str, bare: bool) -> bool:
    """Say whether what is before a telephone's digits has that number: a permit, "ticket no.", "ticket #"."""
    numbered = _NUMBERED_WORD.search(before)
    if numbered and (numbered["number"] or (bare and (numbered["sign"] or "").startswith("#"))):
        return True
    telephoned = _DWELLING.search(before) or (not bare and _REACHED.search(before))
    return _is_other(before) and not telephoned


def _is_size(plain: str, before: str, end: int, bare: bool = True) -> bool:
    """Say whether a number is an amount by what is behind it, or a length by what is on both sides."""
    amount = bare and _MEASURED.match(plain, end) is not None
    return amount or (_SIZE.search(before) is not None and _LENGTH.match(plain, end) is not None)


def _addresses(plain: str, city_host: str, published: tuple[str, ...]) -> Iterator[Hit]:
    allowed = tuple(one.casefold().removeprefix("@") for one in (city_host, *published) if one)
    for match in _ADDRESS.finditer(plain):
        host = _DOTS.sub(".", match["host"].casefold())
        hosts = (host, links.host_of(f"https://{host}"))
        address = _DOTS.sub(".", _ATS.sub("@", match["address"].casefold(), count=1))
        if PUBLIC_BODIES.fullmatch(host) or _FILE.fullmatch(host):
            continue
        addresses = (address, _BESIDE.sub("", address))
        if any(_covers(one, host, written) for one in allowed for host in hosts for written in addresses):
            continue
        yield Hit("email", "an e-mail address", f"{match['address'][0]}…@{host}")


def _covers(published: str, host: str, address: str) -> bool:
    """Say whether a published address, or a host with all below it, covers an address."""
    return address == published if "@" in published else host == published or host.endswith(f".{published}")


def _mask(digits: str) -> str:
    return "•" * (len(digits) - 2) + digits[-2:]
