"""The catalogue and the templates: each text that is asked for is there, each that is there is asked for."""

from __future__ import annotations

import re

from services.web.render import HERE, Texts

_ASKED = re.compile(r"""\bt(?:\.raw)?\(\s*['"]([a-z_.]+)['"]\s*[,)]""")
_EITHER = re.compile(r"""['"]((?:state|sessions)\.[a-z_]+)['"] if""")
_CODE = re.compile(r"""texts\(\s*['"]([a-z0-9_.]+)['"]""")
_GROUPS = re.compile(r"""(?:word|one_of)\(\s*"([a-z_]+)",""")
_JOINED = re.compile(r"""t\((\w+) ~ ["'](\.[a-z]+)["']\)""")


def sources() -> str:
    """All templates and modules of the pages."""
    files = [*HERE.glob("templates/*.html"), *HERE.rglob("*.py")]
    return "\n".join(path.read_text() for path in files)


def test_each_text_that_is_asked_for_is_in_the_catalogue_and_no_other() -> None:
    text = sources()
    asked = {*_ASKED.findall(text), *_EITHER.findall(text), *_CODE.findall(text)}
    main = re.search(r'in \[\("inbox".*?\)\]', text)
    assert main is not None
    asked |= {f"nav.{name}" for name in re.findall(r'\("(\w+)", "/', main[0])}
    asked |= set(re.findall(r'else "((?:state|sessions)\.[a-z_]+)"', text))
    nav = re.search(r'for name in \["messages".*?\]', text)
    assert nav is not None
    asked |= {f"nav.{name}" for name in re.findall(r'"(\w+)"', nav[0])}
    asked |= {f"{verb}{rest}" for verb in ("reject", "withdraw", "return") for _, rest in _JOINED.findall(text)}
    asked |= {"refused.host", "refused.plain"}
    known = set(Texts()._sentences)
    groups = {*_GROUPS.findall(text), "http"}
    assert asked - known == set()
    assert {key for key in known - asked if key.partition(".")[0] not in groups} == set()


def test_each_catalogue_has_the_same_texts() -> None:
    known = Texts()._sentences
    for path in HERE.glob("texts/*.toml"):
        other = Texts(path.stem)._sentences
        assert other.keys() == known.keys()
        for key, sentence in known.items():
            places = re.compile(r"\{\w+\}")
            assert set(places.findall(other[key])) == set(places.findall(sentence)), key
