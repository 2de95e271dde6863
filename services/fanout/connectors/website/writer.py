"""Writes the website: takes changes, keeps them in the state, and writes the pages that they touch, and no others.

One writer at a time by a lock file, over all processes. What is touched is noted before, so that after a crash the next
piece of work writes the pages that are behind the state, without what was to be shown for the first time, which waits
for its next judged call. Calls block; the connector runs them in a thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from schemas.events.authority import Profile
from services.fanout.connectors.website.archive import Archive, ListingSizes, parts_with, place_of
from services.fanout.connectors.website.edit import SiteEdit
from services.fanout.connectors.website.endings import mark_ended
from services.fanout.connectors.website.feeds import Feed, atom, json_feed
from services.fanout.connectors.website.pages import STYLE, STYLE_PATH, Pages, Site
from services.fanout.connectors.website.shown import Views
from services.fanout.connectors.website.state import CITY, Broken, Message, Stamp, State, listings_of
from services.fanout.connectors.website.views import MessageView, name_of
from services.kernel.base.files import flush_folder, locked, make_folder, write_atomically, write_unflushed

NOW = 100
"""Among how many of the newest messages what holds now is looked for."""
_WALK = 20
"""How many parts of an older archive one piece of work gives their feeds."""
_AT_ONCE = 8

Change = Callable[["SiteEdit"], None]


class Unfinished(OSError):
    """The disk refused; ``begun``: changes may have been written down before."""

    def __init__(self, reason: str, *, begun: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.begun = begun


class Writer:
    """The writer of one site: ``folder`` is served to the public, ``state_folder`` is not."""

    def __init__(self, folder: Path, state_folder: Path, site: Site, sizes: ListingSizes) -> None:
        self._folder, self._sizes = folder, sizes
        self._state_folder = state_folder
        self._site = site
        self._ids = site.base
        self._pages = Pages(site)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="website")
        self._read_before: dict[str, tuple[Stamp, Message]] = {}
        self._seen_before: dict[tuple[str, str | None], tuple[Message, MessageView]] = {}

    def apply(self, changes: Sequence[Change], now: datetime) -> None:
        """Make changes, write them down, write their pages. A change tells its own caller what came of it.

        Where the front page is not there, all pages are written again from the state.

        Raises:
            Unfinished: the disk is full or not writable; says whether anything may have been written down.
        """
        begun = False
        try:
            with locked(self._state_folder / "lock"):
                work = SiteEdit(State(self._state_folder, self._read_before), now)
                for change in changes:
                    change(work)
                mark_ended(work)
                behind = set(work.state.touched)
                if not (self._folder / "index.html").exists():
                    behind |= set(work.state.all_messages())
                touched = behind | work.changed
                if not touched:
                    return
                begun = True
                self._write_down(work, touched, bool(behind))
        except OSError as error:
            raise Unfinished(f"the website cannot be written: {error.strerror or error}", begun=begun) from error

    def _write_down(self, work: SiteEdit, touched: set[str], all_pages: bool) -> None:
        hidden = work.hidden()
        work.state.touch(touched, hidden | (work.first & work.changed))
        self._keep(work)
        self._ids = work.state.first_address(self._site.base)
        self._take_off(hidden & touched)
        self._show(work.state, touched, hidden, all_pages)
        work.state.settle(hidden)

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown()

    def _keep(self, work: SiteEdit) -> None:
        for (request_id, name), content in work.files.items():
            write_atomically(self._folder / "messages" / request_id / name, content)
        for profile in work.profiles.values():
            work.state.save_profile(profile)
        for request_id in sorted(work.changed):
            work.state.save(request_id)
        for request_id, name in work.taken_files:
            (self._folder / "messages" / request_id / name).unlink(missing_ok=True)

    def _take_off(self, request_ids: Iterable[str]) -> None:
        """Delete the pages that a crash left of messages whose showing it cut short."""
        for request_id in request_ids:
            page = self._folder / "messages" / request_id / "index.html"
            if page.exists():
                page.unlink()
                flush_folder(page.parent)

    def _show(self, state: State, touched: set[str], hidden: set[str], all_pages: bool) -> None:
        """Write the pages of messages and of the listings that they are in, without those that are ``hidden``.

        ``all_pages`` after a crash or a loss, when it is not known which pages of a listing are there.
        """
        views = Views(state, self._site, self._seen_before, hidden)
        pages: dict[str, bytes] = {}
        parts: dict[str, set[tuple[str, int]]] = {}
        for request_id in touched:
            message = views.kept(request_id)
            if message is None:
                continue  # noted as touched, and the crash came before it was kept
            if (shown := views.message(request_id)) is not None:
                pages[f"messages/{request_id}/index.html"] = self._pages.message(views.one(shown))
            for listing, time in listings_of(message):
                found = parts.setdefault(listing, set())
                month = f"{time:%Y-%m}"
                found |= parts_with(state.month(listing, month), month, request_id, self._sizes.part)
        for listing, wanted in parts.items():
            pages.update(self._listing(state, views, listing, wanted, all_pages))
        if not (self._folder / STYLE_PATH).exists():
            write_atomically(self._folder / STYLE_PATH, STYLE)
        self._write(pages)

    def _write(self, pages: Mapping[str, bytes]) -> None:
        """Write pages, each whole or not at all, and flush each folder once."""
        files = {self._folder / path: content for path, content in pages.items()}
        folders = {path.parent for path in files}
        for folder in folders:
            make_folder(folder)
        _all(self._pool.map(write_unflushed, files.keys(), files.values()))
        _all(self._pool.map(flush_folder, folders))

    def _listing(
        self, state: State, views: Views, listing: str, wanted: Iterable[tuple[str, int]], all_pages: bool
    ) -> dict[str, bytes]:
        """Return the pages and feeds of the city or of a profile: the newest, and the parts of months that changed."""
        owner = None if listing == CITY else state.profile(listing)
        if listing != CITY and owner is None:
            raise Broken(f"the state does not know the profile {listing}")
        home = "" if owner is None else f"profiles/{owner.id}/"
        months = state.months(listing)
        newest = views.of(state.newest(listing, self._sizes.newest), owner)
        pages = self._feeds(state, views, listing, owner, set(wanted)) | {
            f"{home}index.html": self._pages.profile(owner, newest, months)
            if owner is not None
            else self._pages.front(newest, state.profiles(), months),
        }
        if owner is None:
            recent = views.of(state.newest(CITY, NOW), None)
            over = {one.id for one in recent if not views.shows_what_holds(one.id)}
            pages["now/index.html"] = self._pages.now(recent, over, all_of_them=len(recent) < NOW)
        archive, listed = Archive(state, listing, f"{home}archive/", self._sizes.part), f"{home}archive/index.html"
        new_month = any(not (self._folder / home / "archive" / month / "index.html").exists() for month, _ in wanted)
        if new_month or all_pages:
            pages[listed] = self._pages.archive(owner, months)
        for month, number in wanted:
            ids = state.month(listing, month)
            path, part = place_of(f"{home}archive/{month}/", number, len(ids), self._sizes.part)
            shown = views.of(archive.ids((month, number)), owner)
            pages[path] = self._pages.month(owner, month, shown, part)
        return pages

    def _feeds(
        self, state: State, views: Views, listing: str, owner: Profile | None, changed: set[tuple[str, int]]
    ) -> dict[str, bytes]:
        """Return the feed, and the parts of its archive that changed, are new, or were never written."""
        home = "" if owner is None else f"profiles/{owner.id}/"
        archive = Archive(state, listing, f"{home}archive/", self._sizes.part)
        held = max(self._sizes.newest, archive.size(archive.newest))
        wanted = archive.to_write(changed, self._has_feed, _WALK)
        pages: dict[str, bytes] = {}
        for part in (None, *wanted):
            path = archive.path(part) if part else ""
            ids = archive.ids(part) if part else state.newest(listing, held)
            before = archive.before(part or archive.newest)
            older = archive.path(before) if before else None
            there = older if before in wanted or (older and self._has_feed(older)) else None
            feed = self._feed(owner, home, views.of(ids, owner), path, there)
            pages |= {f"{path or home}feed.atom": atom(feed), f"{path or home}feed.json": json_feed(feed)}
        return pages

    def _has_feed(self, path: str) -> bool:
        return (self._folder / path / "feed.atom").exists()

    def _feed(
        self, owner: Profile | None, home: str, entries: Sequence[MessageView], path: str, older: str | None
    ) -> Feed:
        """Return a feed's document: ``path`` is its part of the archive, empty for the feed itself."""
        city, base = self._site.city, self._site.base
        title = city if owner is None or not owner.departmental else f"{city}: {name_of(owner, city)}"
        title = f"EXERCISE {title}" if self._site.exercise else title
        at, before = f"{base}/{path}" if path else None, f"{base}/{older}" if older else None
        return Feed(title, f"{base}/{home}", base, city, self._site.language, entries, self._ids, at, before)


def _all(results: Iterable[None]) -> None:
    """Wait for all; raises what one of them raised."""
    for _ in results:
        pass


def can_write(folder: Path) -> str | None:
    """Say why a folder cannot be written, None if it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror or "it cannot be made"
    return None if os.access(folder, os.W_OK | os.X_OK) else "permission denied"
