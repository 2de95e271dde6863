"""Templates: locked wording, and fields that are all filled."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.platforms import LIMITS
from services.desk.message import templates
from services.desk.options import MessageOptions
from services.intake.domain.rendering import parts_of
from services.kernel.base.errors import BadInput
from services.provision import write_templates

TOWN = """
summary = "A town's own."
severity = "minor"
text = "The pool in {area} opens on {day}. Bring {area} cards."
[fields]
area = "where"
day = "when"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pool.toml").write_text(TOWN, encoding="utf-8")
    return tmp_path


def asked(*values: str, **more: object) -> MessageOptions:
    return MessageOptions(template="pool", set=list(values), **more)  # type: ignore[arg-type]


def refusal(folder: Path, message: MessageOptions) -> BadInput:
    with pytest.raises(BadInput) as raised:
        templates.filled(message, folder)
    return raised.value


def test_each_place_is_filled_and_severity_comes_with_the_wording(folder: Path) -> None:
    message = templates.filled(asked("area=Hatzic", "day= Monday,  9 am "), folder)
    assert message.text == "The pool in Hatzic opens on Monday, 9 am. Bring Hatzic cards."
    assert message.severity == "minor"


def test_the_mark_that_windows_writes_before_a_text_is_no_part_of_a_template(folder: Path) -> None:
    plain = (folder / "pool.toml").read_text("utf-8")
    read = templates.load(folder, "pool")
    (folder / "pool.toml").write_text(plain, encoding="utf-8-sig")
    assert templates.load(folder, "pool") == read


def test_a_value_is_never_read_as_a_field(folder: Path) -> None:
    message = templates.filled(asked("area={day}", "day=Monday"), folder)
    assert message.text == "The pool in {day} opens on Monday. Bring {day} cards."


@pytest.mark.parametrize(
    ("values", "code", "named"),
    [
        (["area=Hatzic"], "template.missing", "day"),
        (["area=Hatzic", "day=Monday", "hour=9"], "template.field", "hour"),
        (["area=Hatzic", "area=Silverdale", "day=Monday"], "template.twice", "area"),
        (["area Hatzic"], "template.set", "area Hatzic"),
        (["area= ", "day=Monday"], "template.value", "area"),
        (["area=-", "day=Monday"], "template.value", "area"),
        (["area=one\ntwo", "day=Monday"], "template.value", "area"),
        ([f"area={'long ' * 100}", "day=Monday"], "template.value", "area"),
    ],
)
def test_fields_that_do_not_fit_are_refused(folder: Path, values: list[str], code: str, named: str) -> None:
    error = refusal(folder, asked(*values))
    assert error.code == code
    assert named in error.message
    assert error.hint


@pytest.mark.parametrize(
    "more",
    [{"text": "Else."}, {"file": Path("x")}, {"variant": ["mastodon=x"]}, {"severity": "extreme"}],
)
def test_the_wording_is_locked(folder: Path, more: dict[str, object]) -> None:
    assert refusal(folder, asked("area=Hatzic", "day=Monday", **more)).code == "template.locked"


def test_fields_without_a_template_are_refused(folder: Path) -> None:
    assert refusal(folder, MessageOptions(text="Hello.", set=["area=Hatzic"])).code == "template.alone"


def test_an_unknown_template_is_told_with_those_that_there_are(folder: Path) -> None:
    error = refusal(folder, MessageOptions(template="pol"))
    assert (error.code, error.hint) == ("template.unknown", "there are: pool")
    assert refusal(folder, MessageOptions(template="../pool")).code == "template.id"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('day = "when"', ""), "day is in the text"),
        (('day = "when"', 'day = "when"\nhour = "h"'), "hour is in [fields]"),
        (("{day}", "{Day"), "{ that is not part of a field"),
        (('severity = "minor"', 'severity = "bad"'), "severity"),
        (('summary = "A town\'s own."', ""), "summary"),
        (("[fields]", "[fields"), "pool.toml"),
        (('summary = "A town\'s own."', "summary = " + 5_000 * "9"), "pool.toml"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_the_fault(folder: Path, change: tuple[str, str], said: str) -> None:
    (folder / "pool.toml").write_text(TOWN.replace(*change), encoding="utf-8")
    with pytest.raises(BadInput) as raised:
        templates.load(folder, "pool")
    assert raised.value.code == "template.invalid"
    assert said in raised.value.message


def test_the_usual_templates_fit_each_platform_and_a_citys_own_is_never_overwritten(tmp_path: Path) -> None:
    made = write_templates(tmp_path / "templates")
    assert {"evacuation-alert", "evacuation-order", "evacuation-rescind", "boil-water", "road-closed"} < set(made)
    assert "all-clear" in made
    for name in made:
        template = templates.load(tmp_path / "templates", name)
        text = template.render(name, dict.fromkeys(template.fields, "Hatzic Prairie Road"))
        assert "{" not in text
        for limits in LIMITS.values():
            assert parts_of(text, "https://mission.example/flood", limits)
    (tmp_path / "templates" / "all-clear.toml").write_text(TOWN, encoding="utf-8")
    assert write_templates(tmp_path / "templates") == []
    assert templates.load(tmp_path / "templates", "all-clear").summary == "A town's own."
