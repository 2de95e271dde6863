"""What a text weighs on X, beside X's own library (twitter-text, npm): never less, and the same for ordinary texts."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.platforms import LIMITS, counted_length
from tests.platforms.pds import FOLDER, HERE, installed, node_version

X = LIMITS["x"]
VECTORS = Path(__file__).parents[1] / "unit" / "kernel" / "link_vectors.json"
Weigh = Callable[[list[str]], list[int]]

SAID = """
Evacuate now! Boil water for 1 min. eau, rivière d’Îles • “quoted” – — … 100 % (see below) [1] a/b
@mission #flood 水位上升。 ਹੜ੍ਹ, बाढ़ क्षत्रिय хорошо غادر 👩‍🚒 🇨🇦 ⚠️ 🚨 1️⃣ 👍🏽 👨‍👩‍👧 mission.ca
www.mission.ca e.g. a@mission.ca 5.12 m https://mission.ca/flood https://mission.ca
https://québec.ca/a?b=c#d https://例え.jp/パス https://mission.example/x
https://en.wikipedia.org/wiki/Mission_(BC) https://a.ca/x’s https://a.vancouver/b https://t.co/abc
https://zh.ca/溫哥華
"""
WORDS = SAID.split()
word = st.sampled_from(WORDS) | st.text("ab.,:;/#é漢。1क् 👍🏽☎", max_size=6)
spaced = st.lists(word, max_size=12).map(" ".join)
ended = st.lists(word.map(lambda one: one + " ") | st.sampled_from(["。 ", ", ", ".\n", "! "]), max_size=12).map(
    "".join
)


@pytest.fixture(scope="module")
def weigh() -> Iterator[Weigh]:
    if node_version() is None or not installed():
        pytest.skip("X's library is not installed: make test-platforms")
    process = subprocess.Popen(
        ["node", str(HERE / "count.cjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"NODE_PATH": str(FOLDER / "node_modules")},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def ask(texts: list[str]) -> list[int]:
        stdin.write(json.dumps(texts) + "\n")
        stdin.flush()
        answer: list[int] = json.loads(stdout.readline())
        return answer

    yield ask
    stdin.close()
    process.wait(20)
    stdout.close()


def test_no_link_weighs_less_than_x_says(weigh: Weigh) -> None:
    texts = [case["text"] for case in json.loads(VECTORS.read_text())] + WORDS
    assert not [text for text, most in zip(texts, weigh(texts), strict=True) if counted_length(text, X) < most]


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(spaced | ended, max_size=8))
def test_no_text_weighs_less_than_x_says(weigh: Weigh, texts: list[str]) -> None:
    assert not [text for text, most in zip(texts, weigh(texts), strict=True) if counted_length(text, X) < most]


@pytest.mark.parametrize(
    "text",
    [
        "Evacuate now: https://mission.ca/flood (see https://mission.ca/map_(north)).",
        "Évacuez maintenant – rivière d’Îles… 👩‍🚒 🇨🇦 ⚠️ 1️⃣ 👍🏽",
        "水位上升，請立即疏散。https://mission.ca/flood",
        "ਹੜ੍ਹ ਦੀ ਚੇਤਾਵਨੀ mission.ca",
    ],
)
def test_an_ordinary_text_weighs_what_x_says(weigh: Weigh, text: str) -> None:
    assert [counted_length(text, X)] == weigh([text])
