"""A city's plan from answers: what is taken, what is asked again, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.kernel.base.errors import BadInput
from services.provision.city.city_init import check_plan
from services.provision.plan.answers import slug
from services.provision.plan.city_plan import CityPlan, PlannedSystem, demo_plan
from services.provision.plan.interactive import interactive_plan


class Script:
    """Answers by the start of the question; a list is used up, one answer for each time it is asked."""

    def __init__(self, **changes: object) -> None:
        self.answers: dict[str, object] = {
            "Name of the city": "City of Example",
            "Official website": "https://city.example",
            "Departments": "Fire, Public Works",
            "Name of the": "A. Person",
        }
        self.answers.update(changes)
        self.told: list[str] = []

    def ask(self, question: str, default: str) -> str:
        for start, answer in self.answers.items():
            if question.startswith(start):
                return str(answer.pop(0)) if isinstance(answer, list) else str(answer)
        return default

    def plan(self) -> CityPlan:
        return interactive_plan(self.ask, self.told.append)


def test_a_plan_from_good_answers() -> None:
    script = Script()
    plan = script.plan()
    assert script.told == []
    assert [p.id for p in plan.profiles] == ["fire-website", "public-works-website", "city-website"]
    assert {"cao", "mcpe", "pio", "eoc-director", "fire-publisher"} <= {o.id for o in plan.officers}
    check_plan(plan)


def test_a_wrong_answer_is_told_and_asked_again() -> None:
    script = Script(**{"Official website": ["ftp://x", "https://city.example"]})
    assert script.plan().website == "https://city.example"
    assert len(script.told) == 1


def test_one_can_go_back_and_finds_the_earlier_answer_offered() -> None:
    offered: list[tuple[str, str]] = []
    script = Script(
        **{"Official website": ["https://wrong.example", "https://city.example"], "Time zone": ["<", "America/Toronto"]}
    )

    def ask(question: str, default: str) -> str:
        offered.append((question, default))
        return script.ask(question, default)

    plan = interactive_plan(ask, script.told.append)
    assert (plan.website, plan.timezone) == ("https://city.example", "America/Toronto")
    assert ("Official website (https://...)", "https://wrong.example") in offered
    assert [question for question, _ in offered].count("Name of the city") == 1


def test_there_is_nothing_before_the_first_question() -> None:
    script = Script(**{"Name of the city": ["<", "City of Example"]})
    assert script.plan().name == "City of Example"
    assert script.told == ["this is the first question"]


def test_a_broker_of_its_own_and_the_usual_one() -> None:
    plan = Script(**{"Port of the broker": "5000"}).plan()
    assert (plan.broker, plan.port, plan.townsquare_port, plan.site_port) == (None, 5000, 5001, 5002)
    plan = Script(**{"Address of the city's own broker": "tls://b.example:4222"}).plan()
    assert (plan.broker, plan.broker_authority) == ("tls://b.example:4222", "/etc/onevoice/tls/ca.pem")


def test_the_disclosure_is_the_citys_own() -> None:
    plan = Script(Disclosure="Write to the {city}.").plan()
    assert {one.disclosure for one in plan.profiles} == {"Write to the City of Example."}
    usual = Script().plan().profiles[0].disclosure
    assert ("City of Example" in usual, "{city}" in usual, "Columbia" in usual) == (True, False, False)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Official website", "http://city.example"),
        ("Time zone", "Pacific"),
        ("Language", "English"),
        ("Country", "Canada"),
        ("Port", "65534"),
        ("Port", "x"),
        ("Address of the city's own broker", "nats://b.example"),
        ("Disclosure", "x" * 2_001),
        ("Name of the city", ""),
        ("Name of the city", "a\x1b[31mb"),
        ("Official website", "mission.example"),
        ("Official website", "https://x/ y"),
        ("Departments", ""),
        ("Departments", "Fire, fire"),
        ("Departments", "City"),
        ("Departments", "***"),
        ("Mastodon account of Fire", "fire"),
        ("Mastodon account of Fire", "fi re@social.example"),
        ("Mastodon account of Fire", "fire@bad host"),
        ("Name of the Chief", "x" * 121),
    ],
)
def test_an_answer_that_stays_wrong_ends_it(question: str, answer: str) -> None:
    script = Script()
    script.answers = {question: answer, **script.answers}
    if question in ("Name of the city", "Official website", "Departments"):
        script.answers[question] = answer
    with pytest.raises(BadInput) as caught:
        script.plan()
    assert caught.value.code == "init.answer"
    assert len(script.told) == 3


def test_an_account_for_two_profiles_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        Script(**{"Mastodon account": "same@social.example"}).plan()
    assert caught.value.code == "init.answer"
    plan = Script(**{"Mastodon account of Fire": "same@social.example"}).plan()
    one = next(profile for profile in plan.profiles if profile.platform == "mastodon")
    with pytest.raises(BadInput) as caught:
        check_plan(replace(plan, profiles=(*plan.profiles, one.model_copy(update={"id": "other-mastodon"}))))
    assert caught.value.code == "init.twice"


@pytest.mark.parametrize(("name", "code"), [("cao", "init.twice"), ("doctor", "init.reserved")])
def test_a_system_named_like_an_officer_or_the_health_check_is_refused(name: str, code: str) -> None:
    with pytest.raises(BadInput, match=name) as caught:
        check_plan(replace(Script().plan(), systems=(PlannedSystem(name, "A system"),)))
    assert caught.value.code == code


def test_the_demonstration_plan_is_sound() -> None:
    check_plan(demo_plan())


@pytest.mark.parametrize(("name", "id_"), [("Public Works", "public-works"), ("Été & Co.", "ete-co")])
def test_names_become_ids(name: str, id_: str) -> None:
    assert slug(name) == id_


@pytest.mark.parametrize(
    ("question", "wrong", "right"),
    [
        ("Official website", "https://x.example/?lang=fr", "https://x.example"),
        ("Official website", "https://x.example:99999", "https://x.example"),
        ("Official website", "https://x..example", "https://x.example"),
        ("Country", "UK", "GB"),
        ("Country", "XX", "CA"),
        ("Mastodon account of Fire", "fire@a..b", "fire@social.example"),
        ("Mastodon account of Fire", "fire@1.2.3", "fire@social.example"),
        ("Mastodon account of", ["fire@s.example", "Fire@s.example"], ["works@s.example", ""]),
        ("Mastodon account of", ["fire@a-b.example", "works@a.b.example"], ["works@s.example", ""]),
        ("Address of the city's own broker", "tls://a..b:4222", "tls://broker.example:4222"),
        ("Address of the city's own broker", "tls://broker.example,tls://b.example:99999", ""),
        ("Departments", "\u6d88\u9632", "Fire"),
    ],
)
def test_what_city_toml_would_refuse_is_asked_again(
    question: str, wrong: str | list[str], right: str | list[str]
) -> None:
    """All other answers and two passphrases were thrown away for it, at the very end."""
    answers = [*([wrong] if isinstance(wrong, str) else wrong), *([right] if isinstance(right, str) else right)]
    script = Script(**{question: answers})
    check_plan(script.plan())
    assert len(script.told) == 1
    assert script.answers[question] == []


def test_small_letters_and_capitals_are_brought_into_form() -> None:
    script = Script(
        **{"Country": "gb", "Official website": "HTTPS://x.example", "Mastodon account of Fire": "VilleFire@S.Example"}
    )
    plan = script.plan()
    assert script.told == []
    assert (plan.region, plan.website) == ("GB", "https://x.example")
    assert [p.account for p in plan.profiles if p.platform == "mastodon"] == ["VilleFire@s-example"]
    assert plan.instances == {"s-example": "https://s.example"}


def test_a_department_without_latin_letters_is_told_what_to_type() -> None:
    script = Script(Departments=["\u6d88\u9632", "Fire (\u6d88\u9632)"])
    assert "fire-website" in {one.id for one in script.plan().profiles}
    assert "Fire (\u6d88\u9632)" in script.told[0]
