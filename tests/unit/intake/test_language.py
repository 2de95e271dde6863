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
        ("Attention\u00a0: crue !", "fr"),
        ("پنجاب وچ پاݨی ابالو", "pa"),
        ("ساڈے نال رابطہ کرو", "pa"),
        ("Xwélmexw Sq’éwlets te Stó:lō", "hur"),
        ("Sq’éwlets: the road is closed", "en"),
        ("Bollire l'acqua prima di bere", "it"),
        ("Ferver a água", "pt"),
        ("Ask @EmergencyInfoBC. E-mail info@mission.example", "en"),
        ("Hall A, gym Y, W. Smith", "en"),
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
        ("Boil water advisory for Hatzic", "en"),
        ("Road closed", "en"),
        ("Sandbags at Public Works", "en"),
        ("Evacuation order: Hatzic Prairie. Leave now.", "en"),
        ("Avis d'ébullition d'eau", "fr"),
        ("Route fermée", "fr"),
        ("Évacuation immédiate", "fr"),
        ("Collecte des ordures retardée", "fr"),
        ("Alerte inondation Hatzic", "fr"),
        ("Aviso de hervir el agua", "es"),
        ("Camino cerrado por inundación", "es"),
        ("ਹੁਣ ਜਾਓ", "pa"),
        ("अभी निकलें", "hi"),
        ("पाणी उकळून प्या आणि रस्ते बंद आहेत", "mr"),
        ("पानी उमालेर पिउनुहोस्", "ne"),
        ("立即疏散", "zh"),
        ("立即撤离 Hatzic Prairie Road", "zh"),
        ("今すぐ避難してください", "ja"),
        ("避難指示 ハツィック", "ja"),
        ("즉시 대피하십시오", "ko"),
        ("اخرج الآن من المنطقة", "ar"),
        ("همین حالا خارج شوید", "fa"),
        ("ابھی نکل جائیں", "ur"),
        ("اوس ووځئ چې سړک تړل شوی", "ps"),
        ("ئێستا بڕۆن", "ku"),
        ("Негайно покиньте територію", "uk"),
        ("Немедленно покиньте район", "ru"),
        ("Одмах напустите подручје", "sr"),
        ("Lumikas agad", "tl"),
        ("Pakuluan ang tubig bago inumin", "tl"),
        ("Hãy sơ tán ngay lập tức", "vi"),
        ("Di tan ngay", "vi"),
        ("Hãy rời khỏi nhà", "vi"),
        ("Bitte sofort das Gebiet verlassen", "de"),
        ("Straße gesperrt", "de"),
        ("Natychmiast opuścić teren", "pl"),
        ("Evacuação imediata", "pt"),
        ("Ferva a água antes de beber", "pt"),
        ("Evacuare subito la zona", "it"),
        ("Verlaat onmiddellijk het gebied", "nl"),
        ("உடனே வெளியேறுங்கள்", "ta"),
        ("వెంటనే ఖాళీ చేయండి", "te"),
        ("ഉടൻ ഒഴിയുക", "ml"),
        ("તરત નીકળો", "gu"),
        ("এখনই সরে যান", "bn"),
        ("አሁን ውጡ", "am"),
        ("Ka bax hadda aagga", "so"),
        ("Ondoka sasa", "sw"),
        ("Părăsiți zona imediat", "ro"),
        ("Azonnal hagyja el a területet", "hu"),
        ("Okamžitě opusťte oblast", "cs"),
        ("Bölgeyi hemen terk edin", "tr"),
        ("Odmah napustite područje", "hr"),
        ("Εκκενώστε αμέσως", "el"),
        ("התפנו מיד", "he"),
        ("גייט אַוועק גלייך", "yi"),
        ("อพยพทันที", "th"),
        ("ជម្លៀសភ្លាម", "km"),
        ("ອົບພະຍົບ", "lo"),
        ("ချက်ချင်း ရွှေ့ပြောင်းပါ", "my"),
        ("වහාම ඉවත් වන්න", "si"),
        ("ᐊᐅᓪᓚᕆᑦ", "iu"),
        ("ᓀᐦᐃᔭᐍᐏᐣ", "cr"),
        ("Update 3 - 5:00 PM", "en"),
        ("EVACUATION ORDER: Hatzic", "en"),
        ("Hatzic Lake", "en"),
        ("Café Olé fire: stay away", "en"),
        ("Montréal flight cancelled, call the airport", "en"),
        ("@mission https://x.ca/français #inondation", "en"),
        ("Crews at Côte Street are working on the main break.", "en"),
        ("北 Hatzic evacuation order is in effect for all residents", "en"),
        ("Hatzic Prairie Road 及 Dewdney Trunk Road 封路", "zh"),
        ("Hatzic Prairie: ਹੁਣ ਜਾਓ, Dewdney Trunk Road ਬੰਦ ਹੈ। Call 911", "pa"),
        ("https://mission.example/le/la/les", "en"),
        ("ALARM: a void entry", "en"),
        ("A repost says nothing new.", "en"),
        ("Keep a go-bag", "en"),
        ("", "en"),
    ],
)
def test_a_language_is_guessed(text: str, language: str) -> None:
    assert language == guess(text)


@pytest.mark.parametrize(
    "text",
    [
        "Bus route 31 cancelled. https://mission.example/bus",
        "Power out. Crews en route.",
        "Est. reopening: 6 p.m.",
        "Rain plus wind: sandbags, Hall 1.",
        "Outage map: bchydro.com/outages",
        "Map: www.mission.ca, details: drivebc.ca/mobile/la/les",
        "El Niño update: sandbags available.",
        "El Niño season: sandbags, Hall 1.",
        "NE corner: power back",
        "Detour via Rue Principale",
        "Detour via Rue de la Salle",
        "Café de la Rue fire",
        "Par 3 course flooded",
        "Boulevard des Pins blocked",
        "Café Zoë, Noël market postponed",
        "Piñata party postponed",
        "Müller Street pump failed",
        "Brand St. watermain break",
        "Los Cabos flight diverted",
        "Déjà vu: slide again",
        "Koka vattnet innan du dricker",
        "Berî vexwarinê avê bikelînin",
        "Keitä vesi ennen juomista, älä käytä öljyä",
    ],
)
def test_what_is_borrowed_takes_no_text_from_the_citys_language(text: str) -> None:
    """A word that is English too, a letter of a name, a bare address; nor are languages that are not known others."""
    assert guess(text) == "en"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Inondation", "fr"),
        ("Évacuez immédiatement", "fr"),
        ("Autobus 31 annulé : neige et verglas sur la route 7", "fr"),
        ("Panne de courant. Les équipes sont en route.", "fr"),
        ("Faites bouillir l’eau jusqu’à vendredi. mission.ca/eau", "fr"),
        ("Pluie et vent : sacs de sable à la salle 1", "fr"),
        ("Travaux de la piscine de Hatzic", "fr"),
        ("Ne buvez pas l'eau du robinet", "fr"),
        ("Hierva el agua antes de beber", "es"),
        ("Salga ahora de la zona", "es"),
        ("Corte de luz en Hatzic hasta mañana", "es"),
        ("¡Evacúen inmediatamente!", "es"),
        ("Ponte fechada até amanhã", "pt"),
        ("Saia imediatamente da zona", "pt"),
        ("Não beba a água", "pt"),
        ("ކަރަންޓު ކެނޑިފައި", "dv"),
        ("ܡܝܐ ܛܒܐ", "syr"),
        ("ߒߞߏ ߖߌ", "nqo"),
        ("ⵜⴰⵎⴰⵣⵉⵖⵜ", "und"),
    ],
)
def test_two_words_of_another_language_are_enough(text: str, language: str) -> None:
    """Or one, where a text is hardly more; a script that is not known here is never in the city's language."""
    assert guess(text) == language


def test_a_french_city_keeps_its_language_too() -> None:
    assert guess("Route fermée", default="fr") == "fr"
    assert guess("Attention Hatzic, on arrive", default="fr") == "fr"
    assert guess("Boil water advisory", default="fr") == "en"
    assert guess("Evacuation order: leave now.", default="fr-CA") == "en"


def test_what_does_not_tell_is_in_the_citys_language() -> None:
    assert guess("911", default="fr") == "fr"
    assert guess("Mission", default="fr") == "fr"


@given(st.text(max_size=80))
def test_any_text_has_a_language(text: str) -> None:
    assert guess(text).isalpha()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Reception centre: École Heritage Park Middle School, 33700 Prentis Avenue", "en"),
        ("Schools closed: École Christine Morrison, École Heritage Park, Silverdale", "en"),
        ("École Mission Secondary: shelter", "en"),
        ("École Christine Morrison, École Mission Central closed", "en"),
        ("École des Pionniers and École Côté du Soleil: buses cancelled", "en"),
        ("École fermée.", "fr"),
        ("Écoles fermées : Mission Central, Silverdale", "fr"),
        ("École Mission Central fermée.", "fr"),
        ("École Mission Central : abri", "fr"),
        ("Centre d’accueil : École Heritage Park", "fr"),
        ("Évacuez Mission.", "fr"),
        ("L'école Heritage Park est fermée", "fr"),
    ],
)
def test_a_schools_french_name_makes_no_french_text(text: str, language: str) -> None:
    """Immersion schools are called so all over Canada, and are reception centres."""
    assert guess(text) == language


def test_a_schools_name_alone_is_in_the_citys_language() -> None:
    assert guess("École Mission Central", "fr") == "fr"
    assert guess("École Mission Central", "en") == "en"
