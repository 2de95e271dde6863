"""Which language a text is in, by its script and its small words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.language import guess


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Boil your water until Friday.", "en"),
        ("Flood", "en"),
        ("Évacuez maintenant", "fr"),
        ("Mise à jour : la route est fermée jusqu'à 17 h.", "fr"),
        ("Retard dans la collecte des ordures", "fr"),
        ("ਹੜ੍ਹ ਦੀ ਚੇਤਾਵਨੀ: ਹੁਣੇ ਨਿਕਲੋ https://mission.example/flood", "pa"),
        ("請勿靠近河岸！", "zh"),
        ("水を沸かしてください", "ja"),
        ("غادر المنطقة الآن", "ar"),
        ("لطفاً آب را بجوشانید", "fa"),
        ("پانی ابال کر پئیں", "ur"),
        ("बाढ़ की चेतावनी", "hi"),
        ("Кип'ятіть воду, її не можна пити", "uk"),
        ("El agua no es segura hasta el viernes", "es"),
        ("Aviso de evacuación para Hatzic", "es"),
        ("Evacuación inmediata de Hatzic", "es"),
        ("Aviso de evacuação para Hatzic", "pt"),
        ("Lumikas na ngayon ang mga tao", "tl"),
        ("https://mission.example/le/la/les", "en"),
        ("", "en"),
    ],
)
def test_a_language_is_guessed(text: str, language: str) -> None:
    assert language == guess(text)


def test_what_does_not_tell_is_in_the_citys_language() -> None:
    assert guess("911", default="fr") == "fr"
    assert guess("Mission", default="fr") == "fr"


@given(st.text(max_size=80))
def test_any_text_has_a_language(text: str) -> None:
    assert guess(text).isalpha()
