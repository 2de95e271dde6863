"""Personal information in a text: telephone numbers, e-mail addresses, social insurance and health numbers.

Numbers count only with a right check digit, in each usual spelling (spaces, hyphens, dots, full-width digits).
A hit is masked: the number itself goes into no finding. Toll-free numbers, the city's published numbers and
addresses at the city's own domain are contact information, not personal information (FIPPA, Schedule 1).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from schemas import links

_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\u3000"), " ")
_JOIN = r"[ .\-/]{0,3}"
_NUMBER = re.compile(rf"(?<![\w+])(?:\d{_JOIN}){{8,9}}\d(?!\w|[.,]\d|-\d)")
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.!#$%&'*+/=?^`{|}~-]+\s?(?:@|\(at\)|\[at\])\s?(?P<host>(?:[\w-]+\.)+[^\W\d_]{2,})", re.IGNORECASE
)


@dataclass(frozen=True)
class Hit:
    """One place that looks personal: a stable code, what it looks like, the masked quotation."""

    code: str
    what: str
    masked: str


def find(text: str, region: str, city_host: str, published_numbers: tuple[str, ...]) -> Iterator[Hit]:
    """Yield what looks like personal information, in the order health, insurance, telephone, e-mail.

    Args:
        text: any text in its final form.
        region: where a telephone number without a country code is from (ISO 3166, as in CA).
        city_host: the host of the city's website; addresses at it are the city's own.
        published_numbers: telephone numbers that the city publishes, as people write them.
    """
    plain = unicodedata.normalize("NFKC", text).translate(_DASHES).translate(_SPACES)
    for hit, start, end in list(_registered(plain)):
        yield hit
        plain = plain[:start] + "x" * (end - start) + plain[end:]
    yield from _telephones(links.without(plain), region, published_numbers)
    yield from _addresses(plain, city_host)


def _registered(plain: str) -> Iterator[tuple[Hit, int, int]]:
    from stdnum import luhn
    from stdnum.ca import bc_phn

    for match in _NUMBER.finditer(plain):
        digits = re.sub(r"\D", "", match.group())
        if len(digits) == 10 and bc_phn.is_valid(digits):
            yield Hit("phn", "a BC personal health number", _mask(digits)), match.start(), match.end()
        elif len(digits) == 9 and luhn.is_valid(digits) and digits.strip("0"):
            yield Hit("sin", "a social insurance number", _mask(digits)), match.start(), match.end()


def _telephones(plain: str, region: str, published: tuple[str, ...]) -> Iterator[Hit]:
    import phonenumbers as tel

    allowed = {
        tel.format_number(match.number, tel.PhoneNumberFormat.E164)
        for number in published
        for match in tel.PhoneNumberMatcher(number, region)
    }
    for match in tel.PhoneNumberMatcher(plain, region):
        number = tel.format_number(match.number, tel.PhoneNumberFormat.E164)
        free = tel.number_type(match.number) == tel.PhoneNumberType.TOLL_FREE
        if not free and number not in allowed:
            yield Hit("phone", "a telephone number", _mask(number.removeprefix("+")))


def _addresses(plain: str, city_host: str) -> Iterator[Hit]:
    for match in _EMAIL.finditer(plain):
        host = links.host_of(f"https://{match['host']}") or match["host"].casefold()
        if city_host and (host == city_host or host.endswith(f".{city_host}")):
            continue
        yield Hit("email", "an e-mail address", f"{match.group()[0]}…@{host}")


def _mask(digits: str) -> str:
    return "•" * (len(digits) - 2) + digits[-2:]
