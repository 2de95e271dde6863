"""What is typed, checked before anything is sent: ids, variants, pictures, the text. Pure but for the file reads."""

from __future__ import annotations

import errno
import os
import select
import sys
from pathlib import Path

from schemas import flow, subjects
from schemas.events.authority import Role
from schemas.languages import canonical
from services.kernel.authority.signing import raw_public
from services.kernel.base.errors import BadInput
from services.kernel.base.files import read_file

MAX_TEXT_READ = 1_048_576
"""How much of standard input is read as a text; intake says what a text may be."""

MAX_PICTURE = 7 * 1024 * 1024
"""What goes to the broker in one message, with room for the envelope (schemas.streams.MAX_PAYLOAD)."""

_MORE = {
    "officer": "onevoice officers list shows them",
    "profile": "onevoice profiles list shows them",
    "request": "onevoice pending shows the open ones, onevoice history all; the beginning of an id is enough",
    "platform": "platforms are named as in onevoice profiles list",
    "template": "onevoice template list shows them",
    "outside": "onevoice outside list shows them",
    "service": "services are named as in onevoice --help",
}


def check_id(word: str, what: str) -> str:
    """Return an id that may be part of a subject.

    Raises:
        BadInput: ``<what>.id``, for dots, wildcards, spaces and whatever else an id does not have.
    """
    try:
        return subjects.token(word)
    except subjects.SubjectTokenError as error:
        raise BadInput(f"{what}.id", f"the {what} id {error}", _MORE.get(what, "")) from error


def new_id(word: str, what: str) -> str:
    """Return an id for somebody new; raises BadInput ``<what>.id``, ``<what>.reserved``."""
    if check_id(word, what) in flow.RESERVED:
        raise BadInput(f"{what}.reserved", f"{word} is the name of a user of OneVoice itself", "give another id")
    return word


def public_key(word: str, option: str) -> str:
    """Return a public key; raises BadInput ``key.public``."""
    try:
        raw_public(word.strip())
    except ValueError as error:
        raise BadInput("key.public", f"{option} is no public key ({error})", "copy it from: onevoice enroll") from error
    return word.strip()


def targets(to: list[str], all_departments: bool, and_city: bool | None = None) -> tuple[str, ...] | str:
    """Return the targets of a submission, each profile once.

    Raises:
        BadInput: ``targets.missing``, ``targets.both``, ``targets.and_city``, ``profile.id``.
    """
    if and_city is not None and not all_departments:
        said = "--and-city and --no-and-city say something of --all-departments only"
        raise BadInput("targets.and_city", said, "--all-departments --and-city")
    if all_departments and to:
        raise BadInput(
            "targets.both", "--all-departments and --to were both given", "use one of them: the reach must be clear"
        )
    if all_departments:
        return "all-departments"
    if not to:
        raise BadInput("targets.missing", "no profile was named", "--to PROFILE (once for each), or --all-departments")
    return tuple(dict.fromkeys(check_id(profile, "profile") for profile in to))


def variants(given: list[str]) -> dict[str, str]:
    """Return the texts for single platforms from ``PLATFORM=TEXT`` words.

    Raises:
        BadInput: ``variant.malformed``, ``variant.twice``, ``platform.id``.
    """
    found: dict[str, str] = {}
    for word in given:
        platform, equals, text = word.partition("=")
        if not equals:
            raise BadInput("variant.malformed", "a variant has no '='", "--variant mastodon='the shorter text'")
        if check_id(platform, "platform") in found:
            raise BadInput("variant.twice", f"two variants for {platform}", "give one for each platform")
        found[platform] = text
    return found


def translations(given: list[str]) -> dict[str, str]:
    """Return the texts in other languages from ``CODE=TEXT`` words.

    Raises:
        BadInput: ``lang.malformed``, ``lang.twice``.
    """
    found: dict[str, str] = {}
    for word in given:
        code, equals, text = word.partition("=")
        tag = canonical(code) if equals else None
        if tag is None:
            said = f"{word[:40]!r} does not begin with the code of a language and '='"
            raise BadInput("lang.malformed", said, "--lang pa='the text in Punjabi' (codes: BCP 47, as pa or zh-Hant)")
        if tag in found:
            raise BadInput("lang.twice", f"two texts in {tag}", "give one for each language")
        found[tag] = text
    return found


def pictures(images: list[Path], alts: list[str]) -> list[tuple[Path, str]]:
    """Pair each picture with its description, in order.

    Raises:
        BadInput: ``picture.alt`` (each needs one), ``picture.many`` (four at most).
    """
    if len(images) != len(alts) or any(not alt.strip() for alt in alts):
        raise BadInput(
            "picture.alt",
            f"{len(images)} pictures and {len([alt for alt in alts if alt.strip()])} descriptions",
            "each --image needs its --alt: what a person who cannot see it should know",
        )
    if len(images) > 4:
        raise BadInput("picture.many", f"{len(images)} pictures; platforms take four", "leave some out")
    return list(zip(images, alts, strict=True))


def read_picture(path: Path) -> bytes:
    """Return a picture's bytes; raises BadInput ``picture.unreadable`` or ``picture.size``."""
    try:
        raw = read_file(path, MAX_PICTURE)
    except OSError as error:
        if error.errno == errno.EFBIG:
            said = f"{path} is larger than {MAX_PICTURE // 1_048_576} MB"
            raise BadInput("picture.size", said, "save it smaller; 2000 pixels across are plenty") from error
        raise BadInput("picture.unreadable", f"{path}: {error.strerror}", "check the path after --image") from error
    if not raw:
        raise BadInput("picture.size", f"{path} is empty", "check the path after --image")
    return raw


def text_of(word: str | None, file: Path | None = None) -> str:
    """Return the text: the word itself, standard input for ``-``, or what a file holds.

    Raises:
        BadInput: ``text.missing``, ``text.twice``, ``text.unreadable``, ``text.encoding``, ``text.too_long`` (more
            than is worth reading).
    """
    if word is not None and file is not None:
        raise BadInput("text.twice", "a text and --file were both given", "leave one of them out")
    if file is not None:
        return _text_in(_start_of(file), str(file))
    if word is None:
        raise BadInput(
            "text.missing", "there is nothing to say", '"what to say" in quotes, --file FILE, or - to pipe it'
        )
    return word if word != "-" else _text_in(sys.stdin.buffer.read(MAX_TEXT_READ + 1), "standard input")


def _start_of(file: Path) -> bytes:
    try:
        if file.is_fifo():
            return start_of_pipe(file)
        with file.open("rb") as opened:
            return opened.read(MAX_TEXT_READ + 1)
    except OSError as error:
        raise BadInput("text.unreadable", f"{file}: {error.strerror}", "check the path after --file") from error


def start_of_pipe(pipe: Path, seconds: float = 10.0) -> bytes:
    """Return what a named pipe holds; opened without waiting for who writes, so that it ends.

    Raises:
        BadInput: ``text.unreadable``: nobody wrote anything for ``seconds`` seconds.
        OSError: it cannot be opened.
    """
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
        if not select.select([opened], [], [], seconds)[0]:
            raise BadInput(
                "text.unreadable",
                f"{pipe} is a pipe, and nothing was written to it in {seconds:g} s",
                "start what writes to it first, or give --file a file",
            )
        os.set_blocking(opened.fileno(), True)
        return opened.read(MAX_TEXT_READ + 1)


def _text_in(raw: bytes, where: str) -> str:
    if len(raw) > MAX_TEXT_READ:
        raise BadInput("text.too_long", f"the text in {where} is longer than 1 MB", "a post is a few lines")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput("text.encoding", f"the text in {where} is UTF-16", "save it as UTF-8")
    try:
        return raw.decode("utf-8-sig").rstrip("\r\n")  # Windows writes a mark before a text in UTF-8
    except UnicodeDecodeError as error:
        raise BadInput(
            "text.encoding", f"the text in {where} is not valid UTF-8 (byte {error.start})", "save it as UTF-8"
        ) from error


def incident_name(incident: str) -> str:
    """Return an incident's name with single spaces; raises BadInput ``incident.name``."""
    name = " ".join(incident.split())
    if not name or len(name) > 500 or not name.isprintable():
        raise BadInput("incident.name", "an incident's name has 1 to 500 visible characters", "--incident 'Flood'")
    return name


def reason_text(reason: str) -> str:
    """Return a reason as it was typed; raises BadInput ``reason.length``."""
    if not reason.strip() or len(reason) > 500:
        raise BadInput("reason.length", "a reason has 1 to 500 characters", "--reason 'why'")
    return reason


def role_of(word: str) -> Role:
    """Return a role by its name, with hyphens or underscores; raises BadInput ``role.unknown``."""
    try:
        return Role(word.strip().lower().replace("-", "_"))
    except ValueError as error:
        names = ", ".join(role.value for role in Role)
        raise BadInput("role.unknown", f"there is no role {word[:40]!r}", f"the roles are {names}") from error
