"""What the site says about a message, in the message's own language: who reads Punjabi reads "withdrawn" in it, too.

The site's language stands in for one that has no labels here, and English for that. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from schemas.events.requests import Act
from services.kernel.base.zones import in_digits, in_words


@dataclass(frozen=True)
class Labels:
    """Words of one language (ISO 639); ``{}`` stands for a time, or for an address.

    ``severities``: extreme, severe, moderate, minor. ``later`` and ``earlier``: correct, recall, update,
    all-clear, repost.
    """

    language: str
    severities: tuple[str, str, str, str]
    corrected: str
    withdrawn: str
    over: str
    withdrawn_title: str
    withdrawn_text: str
    taken_off: str
    in_force_until: str
    answers: str
    later: tuple[str, str, str, str, str]
    earlier: tuple[str, str, str, str, str]

    def severity(self, severity: str | None) -> str | None:
        """Return the word for a severity; None for none."""
        return None if severity is None else self.severities[SEVERITIES.index(severity)]

    def ending(self, act: Act) -> str | None:
        """Return the word that a message bears after an act; None: it stays in force."""
        return {"correct": self.corrected, "recall": self.withdrawn, "all_clear": self.over}.get(act)

    def followed(self, act: Act, when: str) -> str:
        """Say what came after a message."""
        return self.later[_ACTS.index(act)].format(when)

    def follows(self, act: Act) -> str:
        """Say what a message comes after."""
        return self.earlier[_ACTS.index(act)]

    def time(self, time: datetime, zone: tzinfo) -> str:
        """Return a time in the city's zone: English names its month, every other language has it in digits."""
        return in_words(time, zone) if self.language == "en" else in_digits(time, zone)


SEVERITIES = ("extreme", "severe", "moderate", "minor")
_ACTS: tuple[Act, ...] = ("correct", "recall", "update", "all_clear", "repost")


def labels_in(*languages: str | None) -> Labels:
    """Return the labels of the first language (BCP 47) that has some, else the English ones."""
    for language in languages:
        if language is not None and (found := _LABELS.get(language.partition("-")[0].lower())):
            return found
    return _LABELS["en"]


_ALL = (
    Labels(
        "en",
        ("Extreme", "Severe", "Moderate", "Minor"),
        "Corrected",
        "Withdrawn",
        "No longer in force",
        "Withdrawn message",
        "This message was withdrawn on {}. It no longer applies.",
        "This message was taken off this page on {}.",
        "This message was in force until {}. It is over.",
        "This answers {}",
        (
            "This message was corrected on {}. Read the correction",
            "This message was withdrawn on {}. Read why",
            "There is an update of {}. Read it",
            "The all-clear was given on {}. Read it",
            "This message was shown elsewhere, too, on {}. See it",
        ),
        (
            "This corrects an earlier message",
            "This takes an earlier message back",
            "This adds to an earlier message",
            "This ends an earlier message",
            "This shows an earlier message again",
        ),
    ),
    Labels(
        "fr",
        ("Extrême", "Grave", "Modéré", "Mineur"),
        "Corrigé",
        "Retiré",
        "N’est plus en vigueur",
        "Message retiré",
        "Ce message a été retiré le {}. Il ne s’applique plus.",
        "Ce message a été enlevé de cette page le {}.",
        "Ce message était en vigueur jusqu’au {}. Il est terminé.",
        "Ceci répond à {}",
        (
            "Ce message a été corrigé le {}. Lire la correction",
            "Ce message a été retiré le {}. Lire pourquoi",
            "Il y a une mise à jour du {}. La lire",
            "La fin de l’alerte a été donnée le {}. La lire",
            "Ce message a aussi été montré ailleurs le {}. Le voir",
        ),
        (
            "Ceci corrige un message antérieur",
            "Ceci retire un message antérieur",
            "Ceci complète un message antérieur",
            "Ceci met fin à un message antérieur",
            "Ceci montre de nouveau un message antérieur",
        ),
    ),
    Labels(
        "es",
        ("Extremo", "Grave", "Moderado", "Menor"),
        "Corregido",
        "Retirado",
        "Ya no está en vigor",
        "Mensaje retirado",
        "Este mensaje fue retirado el {}. Ya no es válido.",
        "Este mensaje fue quitado de esta página el {}.",
        "Este mensaje estuvo en vigor hasta el {}. Ha terminado.",
        "Esto responde a {}",
        (
            "Este mensaje fue corregido el {}. Lea la corrección",
            "Este mensaje fue retirado el {}. Lea por qué",
            "Hay una actualización del {}. Léala",
            "El fin de la alerta se dio el {}. Léalo",
            "Este mensaje también se mostró en otro lugar el {}. Véalo",
        ),
        (
            "Esto corrige un mensaje anterior",
            "Esto retira un mensaje anterior",
            "Esto amplía un mensaje anterior",
            "Esto pone fin a un mensaje anterior",
            "Esto muestra de nuevo un mensaje anterior",
        ),
    ),
    Labels(
        "pa",
        ("ਬਹੁਤ ਹੀ ਗੰਭੀਰ", "ਗੰਭੀਰ", "ਦਰਮਿਆਨਾ", "ਮਾਮੂਲੀ"),
        "ਸੋਧਿਆ ਗਿਆ",
        "ਵਾਪਸ ਲਿਆ ਗਿਆ",
        "ਹੁਣ ਲਾਗੂ ਨਹੀਂ",
        "ਵਾਪਸ ਲਿਆ ਗਿਆ ਸੁਨੇਹਾ",
        "ਇਹ ਸੁਨੇਹਾ {} ਨੂੰ ਵਾਪਸ ਲਿਆ ਗਿਆ ਸੀ। ਇਹ ਹੁਣ ਲਾਗੂ ਨਹੀਂ ਹੈ।",
        "ਇਹ ਸੁਨੇਹਾ {} ਨੂੰ ਇਸ ਪੰਨੇ ਤੋਂ ਹਟਾ ਦਿੱਤਾ ਗਿਆ ਸੀ।",
        "ਇਹ ਸੁਨੇਹਾ {} ਤੱਕ ਲਾਗੂ ਸੀ। ਇਹ ਖਤਮ ਹੋ ਗਿਆ ਹੈ।",
        "ਇਹ {} ਦਾ ਜਵਾਬ ਹੈ",
        (
            "ਇਹ ਸੁਨੇਹਾ {} ਨੂੰ ਸੋਧਿਆ ਗਿਆ ਸੀ। ਸੋਧ ਪੜ੍ਹੋ",
            "ਇਹ ਸੁਨੇਹਾ {} ਨੂੰ ਵਾਪਸ ਲਿਆ ਗਿਆ ਸੀ। ਕਾਰਨ ਪੜ੍ਹੋ",
            "{} ਦੀ ਨਵੀਂ ਜਾਣਕਾਰੀ ਹੈ। ਪੜ੍ਹੋ",
            "{} ਨੂੰ ਖ਼ਤਰਾ ਟਲਣ ਦੀ ਸੂਚਨਾ ਦਿੱਤੀ ਗਈ ਸੀ। ਪੜ੍ਹੋ",
            "ਇਹ ਸੁਨੇਹਾ {} ਨੂੰ ਹੋਰ ਥਾਂ ਵੀ ਦਿਖਾਇਆ ਗਿਆ ਸੀ। ਵੇਖੋ",
        ),
        (
            "ਇਹ ਪਹਿਲੇ ਸੁਨੇਹੇ ਨੂੰ ਸੋਧਦਾ ਹੈ",
            "ਇਹ ਪਹਿਲੇ ਸੁਨੇਹੇ ਨੂੰ ਵਾਪਸ ਲੈਂਦਾ ਹੈ",
            "ਇਹ ਪਹਿਲੇ ਸੁਨੇਹੇ ਵਿੱਚ ਵਾਧਾ ਕਰਦਾ ਹੈ",
            "ਇਹ ਪਹਿਲੇ ਸੁਨੇਹੇ ਨੂੰ ਖਤਮ ਕਰਦਾ ਹੈ",
            "ਇਹ ਪਹਿਲੇ ਸੁਨੇਹੇ ਨੂੰ ਦੁਬਾਰਾ ਦਿਖਾਉਂਦਾ ਹੈ",
        ),
    ),
    Labels(
        "hi",
        ("अत्यंत गंभीर", "गंभीर", "मध्यम", "मामूली"),
        "सुधारा गया",
        "वापस लिया गया",
        "अब लागू नहीं",
        "वापस लिया गया संदेश",
        "यह संदेश {} को वापस लिया गया था। यह अब लागू नहीं है।",
        "यह संदेश {} को इस पृष्ठ से हटा दिया गया था।",
        "यह संदेश {} तक लागू था। यह समाप्त हो गया है।",
        "यह {} का उत्तर है",
        (
            "यह संदेश {} को सुधारा गया था। सुधार पढ़ें",
            "यह संदेश {} को वापस लिया गया था। कारण पढ़ें",
            "{} की नई जानकारी है। पढ़ें",
            "{} को खतरा टलने की सूचना दी गई थी। पढ़ें",
            "यह संदेश {} को अन्य जगह भी दिखाया गया था। देखें",
        ),
        (
            "यह पहले के एक संदेश को सुधारता है",
            "यह पहले के एक संदेश को वापस लेता है",
            "यह पहले के एक संदेश में जानकारी जोड़ता है",
            "यह पहले के एक संदेश को समाप्त करता है",
            "यह पहले के एक संदेश को फिर दिखाता है",
        ),
    ),
    Labels(
        "zh",
        ("极其严重", "严重", "中等", "轻微"),
        "已更正",
        "已撤回",
        "已失效",
        "已撤回的消息",
        "此消息已于 {} 撤回，不再有效。",
        "此消息已于 {} 从本页移除。",
        "此消息有效期至 {}，现已结束。",
        "这是对 {} 的答复",
        (
            "此消息已于 {} 更正。阅读更正",
            "此消息已于 {} 撤回。阅读原因",
            "{} 有更新。阅读更新",
            "已于 {} 宣布解除警报。阅读通知",
            "此消息也于 {} 在别处发布。查看",
        ),
        (
            "更正先前的一条消息",
            "撤回先前的一条消息",
            "补充先前的一条消息",
            "结束先前的一条消息",
            "再次展示先前的一条消息",
        ),
    ),
    Labels(
        "ar",
        ("شديد للغاية", "شديد", "متوسط", "طفيف"),
        "مُصحَّحة",
        "مسحوبة",
        "لم تعد سارية",
        "رسالة مسحوبة",
        "سُحبت هذه الرسالة في {}. لم تعد سارية.",
        "أُزيلت هذه الرسالة من هذه الصفحة في {}.",
        "كانت هذه الرسالة سارية حتى {}. لقد انتهت.",
        "هذا رد على {}",
        (
            "صُححت هذه الرسالة في {}. اقرأ التصحيح",
            "سُحبت هذه الرسالة في {}. اقرأ السبب",
            "هناك تحديث بتاريخ {}. اقرأه",
            "أُعلن زوال الخطر في {}. اقرأ الإعلان",
            "عُرضت هذه الرسالة في مكان آخر أيضًا في {}. شاهدها",
        ),
        (
            "هذا تصحيح لرسالة سابقة",
            "هذا سحب لرسالة سابقة",
            "هذه إضافة إلى رسالة سابقة",
            "هذا إنهاء لرسالة سابقة",
            "هذا عرض لرسالة سابقة من جديد",
        ),
    ),
)
_LABELS: Mapping[str, Labels] = {one.language: one for one in _ALL}
