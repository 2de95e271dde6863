"""The pinned files: their hashes, their size on the wire, and that nothing is taken from elsewhere."""

from __future__ import annotations

import gzip
import hashlib
import re

from services.web.render import HERE, STATIC, address_of_file

VENDORED = {
    # npm pack htmx.org@4.0.1, dist/htmx.min.js; Zero-Clause BSD
    "htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    # the same, dist/ext/hx-sse.min.js and dist/ext/hx-csp.min.js
    "htmx-sse.min.js": "18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103",
    "htmx-csp.min.js": "a7e1e6711ae6c3e50ad300fba7936cbe8d07599cdae313414a179ddd6b26e143",
    # npm pack govuk-frontend@6.3.0, dist/govuk/govuk-frontend.min.js; MIT
    "govuk-frontend.min.js": "8982af0b181bb9074ed66df856d5c9fbe224ccc0a5832d47155167350f0c3fe2",
    # made by `make desk-look` of the same and services/web/look/govuk.scss; MIT
    "govuk.css": "25f1aa86151a49180f8d887a6b08f4c57168e9c9f89451f194f2bbb54c45cde9",
}
MOST_BYTES = 60_000


def test_what_is_not_ours_is_what_was_looked_at() -> None:
    for name, digest in VENDORED.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest


def test_all_files_together_stay_small_on_the_wire() -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in STATIC.iterdir() if path.is_file()}
    assert sum(sizes.values()) <= MOST_BYTES, sizes


def test_the_pictures_of_the_screens_stay_small() -> None:
    folder = HERE.parents[1] / "docs" / "desk"
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert set(sizes) == {"phone.webp", "desk.webp"}
    assert sum(sizes.values()) <= MOST_BYTES, sizes


def test_an_address_names_the_files_hash() -> None:
    assert re.fullmatch(r"/static/[0-9a-f]{16}/desk\.css", address_of_file("desk.css"))


def test_templates_load_nothing_from_elsewhere_and_run_nothing_inline() -> None:
    for path in HERE.glob("templates/*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=|<style|hx-on|javascript:", text), path
        assert not re.search(r'(?:src|href|action)="https?://', text), path
        assert "|safe" not in text, path
