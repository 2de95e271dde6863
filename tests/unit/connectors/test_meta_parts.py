"""Pictures as Meta takes them, and what its errors mean."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from services.fanout.connectors.calls.http import Answer
from services.fanout.connectors.contract import Cause, Permanent, Retryable, Unknown
from services.fanout.connectors.meta.graph import Graph
from services.fanout.connectors.meta.pictures import Frame, fitted
from services.kernel.base.clock import SystemClock

GRAPH = Graph("https://graph.mission.example", "v24.0", SystemClock())
INSTAGRAM = Frame(narrow=0.8, broad=1.91)


def picture(wide: int, high: int, mode: str = "RGB", form: str = "PNG") -> bytes:
    out = io.BytesIO()
    image = Image.new(mode, (wide, high), (10, 20, 30, 0)[: len(mode)] if mode != "L" else 10)
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    image.save(out, form, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize(
    ("wide", "high"), [(1, 1), (4_000, 300), (300, 4_000), (320, 320), (1_440, 1_440), (1_441, 700), (1_080, 1_350)]
)
def test_each_picture_fits_the_frame_and_nothing_is_cut_off(wide: int, high: int) -> None:
    image = Image.open(io.BytesIO(fitted(picture(wide, high), INSTAGRAM)))
    assert image.format == "JPEG"
    assert 320 <= image.width <= 1_440
    assert 0.795 <= image.width / image.height <= 1.915
    assert not image.getexif()
    centre = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(centre, tuple)
    assert sum(centre) < 120, "the picture itself is in the middle"


def test_what_is_transparent_is_white() -> None:
    image = Image.open(io.BytesIO(fitted(picture(400, 400, "RGBA"), INSTAGRAM)))
    assert image.getpixel((200, 200)) == (255, 255, 255)


def test_what_fits_already_is_only_encoded_again() -> None:
    assert Image.open(io.BytesIO(fitted(picture(1_080, 1_080), INSTAGRAM))).size == (1_080, 1_080)


def refused(code: int, status: int = 400, **more: object) -> Answer:
    return Answer(status, {"error": {"message": "In Meta's words.", "code": code, **more}}, {})


@pytest.mark.parametrize("code", [4, 9, 17, 32, 341, 368, 613, 80000, 80001, 80002, 80006, 80014])
def test_a_limit_is_waited_for(code: int) -> None:
    found = GRAPH.meaning(refused(code))
    assert isinstance(found, Retryable)
    assert found.cause is Cause.LIMIT


@pytest.mark.parametrize("code", [3, 10, 102, 190, 200, 210, 230, 283, 294, 299, 459])
def test_a_right_or_a_token_is_somebodys_to_mend(code: int) -> None:
    found = GRAPH.meaning(refused(code, 403))
    assert isinstance(found, Retryable)
    assert found.cause is Cause.CREDENTIAL


def test_what_meta_calls_transient_is_no_refusal() -> None:
    """It has been seen to fail and publish all the same, so it is looked for."""
    assert isinstance(GRAPH.meaning(refused(1)), Unknown)
    assert isinstance(GRAPH.meaning(refused(5555, is_transient=True)), Unknown)
    assert isinstance(GRAPH.meaning(refused(5555, is_transient=False)), Permanent)
    assert isinstance(GRAPH.meaning(refused(100)), Permanent)
