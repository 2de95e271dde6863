"""What the website remembers: a JSON file per message, and the order of messages as names in folders.

::

    messages/<request_id>.json                       the truth: content, where it is, what was taken back
    profiles/<profile>.json                          what is known of a website profile
    listing/<city or profile>/<month>/<time>-<request_id>    empty files: the order; made again from the messages
    ends/<time>-<request_id>                         empty files: messages that end by themselves, until they have
    touched.json                                     pages that are being written, messages that are not shown yet
    address.json                                     the site's first address: ids in feeds are made of it for ever
    lock                                             one writer at a time, whatever process

All methods are called under the lock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from schemas import canonical
from schemas.events.authority import Profile
from schemas.events.base import Contract, Id, Sha256, Utc
from schemas.events.requests import ENDING, Act, PlatformContent
from services.kernel.base.files import flush_folder, write_atomically

CITY = "_city"
Stamp = tuple[int, int, int]
"""By which a file is known not to have changed: inode, time, size. A file is replaced, never written into."""
_KEPT = 5_000
_STAMP = "%Y%m%dT%H%M%S%f"


class MessagePlace(Contract):
    """Where a message is: ``here``, on a website profile, or by its ``url`` on another platform."""

    here: bool
    profile: Id
    department: Id
    platform: Id
    departmental: bool = True
    url: str | None = None
    revision: int
    listed_at: Utc
    taken_back_at: Utc | None = None


class Followed(Contract):
    """What came after a message: which request did what to it, and when."""

    act: Act
    request_id: Id
    at: Utc


class Message(Contract):
    """A message on the website. ``pictures`` are the file names beside its page, in the content's order.

    ``followed``: what came after it, in order. ``ended_at``: when it was found to be past the end that its author gave.
    """

    request_id: Id
    revision: int
    content: PlatformContent
    content_sha256: Sha256
    listed_at: Utc
    changed_at: Utc
    pictures: tuple[str | None, ...] = ()
    places: dict[Id, MessagePlace] = Field(default_factory=dict)
    followed: tuple[Followed, ...] = ()
    ended_at: Utc | None = None

    @property
    def withdrawn_at(self) -> datetime | None:
        """When it was recalled, or the last place took it back; None while it is anywhere."""
        recalled = next((one.at for one in self.followed if one.act == "recall"), None)
        if recalled is not None:
            return recalled
        times = [place.taken_back_at for place in self.places.values()]
        standing = [time for time in times if time is None]
        return None if standing or not times else max(time for time in times if time is not None)

    @property
    def in_force(self) -> bool:
        """True while nothing has ended it: nothing later, and no end of its own."""
        return self.ended_at is None and self.content.act != "recall" and not self.ended_by_another

    @property
    def ended_by_another(self) -> bool:
        """True once something else than its own end ended it."""
        return self.withdrawn_at is not None or any(one.act in ENDING for one in self.followed)


class Broken(OSError):
    """A file of the state cannot be read; it says which."""


class State:
    """The files, read through a cache that lives as long as one piece of work under the lock.

    ``read_before`` may live longer: what it holds is used only if the file is still the same. ``touched``: the messages
    whose pages a crash may have left behind; ``unshown``: those whose first showing was never completed. Raises Broken.
    """

    def __init__(self, folder: Path, read_before: dict[str, tuple[Stamp, Message]] | None = None) -> None:
        self.folder = folder
        self._read_before = {} if read_before is None else read_before
        self._messages: dict[str, Message | None] = {}
        self._orders: dict[str, list[str]] = {}
        self.touched, self.unshown = self._begun()

    # --- messages and profiles --------------------------------------------------------------------------------

    def message(self, request_id: str) -> Message | None:
        """Return a message; raises Broken."""
        if request_id not in self._messages:
            self._messages[request_id] = self._read_message(request_id)
        return self._messages[request_id]

    def _read_message(self, request_id: str) -> Message | None:
        """Read a message's file, unless it is as it was when it was read before."""
        path = self.folder / "messages" / f"{request_id}.json"
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        known = self._read_before.get(request_id)
        if known is not None and known[0] == stamp:
            return known[1]
        message: Message = _read(path, Message)
        if len(self._read_before) >= _KEPT:
            self._read_before.clear()
        self._read_before[request_id] = (stamp, message)
        return message

    def put_message(self, message: Message) -> None:
        """Keep a message in the cache; ``save`` writes it."""
        self._messages[message.request_id] = message

    def save(self, request_id: str) -> None:
        """Write a message, and its names into the listings."""
        message = self._messages[request_id]
        assert message is not None
        write_atomically(self.folder / "messages" / f"{request_id}.json", message.to_bytes())
        for listing, time in listings_of(message):
            folder = self.folder / "listing" / listing / f"{time:%Y-%m}"
            name = folder / f"{time.strftime(_STAMP)}-{request_id}"
            if not name.exists():
                folder.mkdir(parents=True, exist_ok=True)
                name.touch()
                flush_folder(folder)
        self._note_end(message)
        self._orders.clear()

    def _note_end(self, message: Message) -> None:
        """Keep the name of a message that will end, and none of one that has."""
        folder, end = self.folder / "ends", message.content.expires
        if end is None:
            return
        name = folder / f"{end.strftime(_STAMP)}-{message.request_id}"
        if message.ended_at is not None:
            name.unlink(missing_ok=True)
        elif not name.exists():
            folder.mkdir(parents=True, exist_ok=True)
            name.touch()
            flush_folder(folder)

    def over(self, now: datetime) -> list[tuple[datetime, str]]:
        """Return the ends before now that are not marked yet, with their messages."""
        folder = self.folder / "ends"
        names = sorted(os.listdir(folder)) if folder.is_dir() else []
        ends = ((_time_of(name), name.partition("-")[2]) for name in names)
        return [(end, request_id) for end, request_id in ends if end <= now]

    def forget_end(self, end: datetime, request_id: str) -> None:
        """Drop an end that no message has any more."""
        (self.folder / "ends" / f"{end.strftime(_STAMP)}-{request_id}").unlink(missing_ok=True)

    def all_messages(self) -> Iterator[str]:
        """Return the ids of all messages."""
        yield from (path.stem for path in sorted((self.folder / "messages").glob("*.json")))

    def profile(self, profile_id: str) -> Profile | None:
        """Return what is known of a website profile."""
        path = self.folder / "profiles" / f"{profile_id}.json"
        return _read(path, Profile) if path.exists() else None

    def profiles(self) -> list[Profile]:
        """Return all website profiles that anything was posted to."""
        return [_read(path, Profile) for path in sorted((self.folder / "profiles").glob("*.json"))]

    def save_profile(self, profile: Profile) -> bool:
        """Write what is known of a profile; True if it is new or changed."""
        if self.profile(profile.id) == profile:
            return False
        write_atomically(self.folder / "profiles" / f"{profile.id}.json", profile.to_bytes())
        return True

    def first_address(self, address: str) -> str:
        """Return the address that the site had first, now if never before: ids never change (RFC 4287, 4.2.6)."""
        path = self.folder / "address.json"
        try:
            return str(canonical.loads(path.read_bytes())["first"])
        except FileNotFoundError:
            write_atomically(path, canonical.dumps({"first": address}))
            return address
        except (canonical.StrictJsonError, KeyError, TypeError) as error:
            raise Broken(f"{path.name}: {error}") from error

    # --- order ------------------------------------------------------------------------------------------------

    def next_time(self, listing: str, now: datetime) -> datetime:
        """Return the time to list a message at: now, or just after the last one if a clock lags behind it."""
        for month in reversed(self.months(listing)):
            for name in reversed(self._names(listing, month)):
                return max(now, _time_of(name) + timedelta(microseconds=1))
        return now

    def months(self, listing: str) -> list[str]:
        """Return the months of a listing (``2026-01``), oldest first."""
        if listing not in self._orders:
            folder = self.folder / "listing" / listing
            self._orders[listing] = sorted(os.listdir(folder)) if folder.is_dir() else []
        return self._orders[listing]

    def month(self, listing: str, month: str) -> list[str]:
        """Return the ids of a month's messages, oldest first."""
        return [name.partition("-")[2] for name in self._names(listing, month)]

    def newest(self, listing: str, count: int) -> list[str]:
        """Return the ids of the newest messages of a listing, newest first."""
        found: list[str] = []
        for month in reversed(self.months(listing)):
            found += reversed(self.month(listing, month)[-(count - len(found)) :])
            if len(found) >= count:
                break
        return found

    def _names(self, listing: str, month: str) -> list[str]:
        key = f"{listing}/{month}"
        if key not in self._orders:
            self._orders[key] = sorted(os.listdir(self.folder / "listing" / listing / month))
        return self._orders[key]

    # --- what is being written --------------------------------------------------------------------------------

    def _begun(self) -> tuple[set[str], set[str]]:
        path = self.folder / "touched.json"
        try:
            found = canonical.loads(path.read_bytes())
            # Before version 0.3 it was the list of what was touched.
            return (set(found), set()) if isinstance(found, list) else (set(found["touched"]), set(found["unshown"]))
        except FileNotFoundError:
            return set(), set()
        except (canonical.StrictJsonError, KeyError, TypeError) as error:
            raise Broken(f"{path.name}: {error}") from error

    def touch(self, request_ids: set[str], unshown: set[str]) -> None:
        """Note which messages' pages are about to change, and which are not shown before that is done."""
        noted = {"touched": sorted(request_ids), "unshown": sorted(unshown)}
        write_atomically(self.folder / "touched.json", canonical.dumps(noted))

    def settle(self, unshown: set[str]) -> None:
        """Note that all pages are as the state says, without those messages."""
        if unshown:
            self.touch(set(), unshown)
            return
        (self.folder / "touched.json").unlink(missing_ok=True)
        flush_folder(self.folder)


def listings_of(message: Message) -> Iterator[tuple[str, datetime]]:
    """Return the listings that a message is in, with the time it is listed at: the city's, and website profiles'."""
    yield CITY, message.listed_at
    for place in message.places.values():
        if place.here:
            yield place.profile, place.listed_at


def _time_of(name: str) -> datetime:
    return datetime.strptime(name.partition("-")[0], _STAMP).replace(tzinfo=UTC)


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        return kind.from_bytes(path.read_bytes())
    except (canonical.StrictJsonError, ValidationError) as error:
        raise Broken(f"{path.parent.name}/{path.name}: {error}") from error
