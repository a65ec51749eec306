# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""Numbers that are a message's own machinery and claim nothing: web addresses, numbering, times of day, …"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

_STREET = (
    r"\b\d{1,6}[A-Za-z]?\s+(?:[NSEW]\.?\s+)?(?:[A-Z0-9][\w.'’]*\s+){1,4}"
    r"(?:St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Lane|Ln|Drive|Way|Square|Plaza|Place|Court|Terrace|Highway|Hwy"
    r"|Parkway)\b"
)
_STEP = (
    r"(?i:\b(?:step|part|option|question|page|paso|parte|opción|pregunta|página)\s+(?:no\.?\s*)?\d{1,2}"
    r"(?:\s+(?:of|de)\s+\d{1,2})?\b)"
)
_HOST = (
    r"(?<![\w.-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}"
    r"\.(?:org|com|net|info|example|social|io|gov|edu|eu|es|uk|us|tv|app)\b(?:/\S{0,2000})?"
)
_OUT_OF_SIGHT = [
    # Addresses of the web and of mail, handles, hashtags.
    r"(?:https?://|www\.|mailto:|whatsapp:)\S+",
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w.-]{1,250}",
    r"(?<![\w.])@[\w.]+",
    r"(?<!\w)#\w+",
    _HOST,
    # Keycap emoji (1️⃣), numbers of a thread's parts (2/, 1/3), of lists and of steps.
    r"\d\ufe0f?\u20e3",
    r"(?<![\w/.,])[(\[]?\d{1,2}\s?/(?:\s?\d{1,2}(?!\s+(?:of|de)\b))?(?!\s+(?:of|de)\b)[)\]]?(?![\w/])",
    r"(?m:^[ \t>*•–-]*[(\[]?\d{1,2}[.)\]](?=\s))",
    r"(?m:^[ \t]*[(\[]?\d{1,2} (?:of|de) \d{1,2}[)\]]?[ \t]*$)",
    _STEP,
    r"\b(?:Demand|Point|Reason|Action|Day|Tip|Week|Update|Exigencia|Punto|Razón|Acción|Día|Semana)\s+\d{1,2}\b",
    # Times of day and offsets from UTC or from T-0.
    r"\b\d{1,2}[:.]\d{2}(?::\d{2})?\s?[ap]\.?\s?m\b\.?",
    r"(?<![\w:])\d{1,2}:\d{2}(?::\d{2})?(?!\w)(?:\s*h\b)?",
    r"\b\d{1,2}\s?[ap]\.?\s?m\b\.?",
    r"\b\d{1,2}h(?:\d{2})?\b",
    r"(?i:\b(?:[a-z]+|\d{1,2})\s+o[’']clock\b)",
    r"(?i:\b(?:a|hasta|desde|antes\sde|para)\s+las\s+(?:\d{1,2}|[a-zé]+)\b(?!\s+(?:[a-záéíóúñ]{5,})))",
    r"\bat\s+\d{1,2}(?=\s+(?:[A-Z]{2,4}T?\b|on\b|tomorrow|tonight|this|sharp|in\s+the)|[,.;]?\s*$)",
    r"\b[A-Z]{1,4}[+−-]\d+\w*(?::\d{2})?",
    # Ordinals.
    r"\b\d+(?:st|nd|rd|th)\b|\b\d+\.?[ºªo](?!\w)",
    # Postal addresses and telephone numbers.
    _STREET,
    r"\b\d{1,6}\s+Broadway\b",
    r"(?i:\bP\.?\s?O\.?\s+Box\s+\d+|\b(?:suite|ste\.|apt\.?|unit|floor|room|piso|oficina|apartado)\s+#?\d+\w?\b)",
    r"\b[A-Z]{2},?\s+\d{5}(?:-\d{4})?\b",
    r"(?<=,\s)\d{4,6}\s+(?=[A-Z][a-zé]+(?:\s*(?:[,.(]|$)))",
    r"\b(?:Calle|C/|Avenida|Avda?\.|Plaza|Paseo|Ronda|Rúa)\s[^\n,\d]{0,60},?\s*(?:n\.?º\s*)?\d+",
    r"(?<![\w.,])\+\d[\d\s().-]{5,}\d",
    r"\(\d{2,4}\)\s?\d{3,4}[\s.-]\d{3,4}\b",
    r"(?<![\w.,-])\d{2,4}-\d{3,4}-\d{3,4}(?![\w-])",
    # The year of a copyright, and what is only said.
    r"(?:©|\(c\)|Copyright)\s*\d{4}",
    r"(?i:\b(?:mil|miles\s+de)\s+gracias\b|\bthanks\s+a\s+(?:million|thousand)\b|\b24/7\b)",
]
_PATTERNS = [re.compile(pattern) for pattern in _OUT_OF_SIGHT]

_SPAN_OF_TIME = re.compile(
    r"[\s-]+(?:more\s+|full\s+|short\s+|business\s+|working\s+)?"
    r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|nights?|weeks?|weekends?"
    r"|segundos?|minutos?|horas?|días?|noches?|semanas?)\b"
    r"|\s?(?:s|h|min)\b",
    re.IGNORECASE,
)
_LONGEST_SPAN = 100

_OWN_PARTS = re.compile(
    r"\s+(?:(?:[a-záéíóúñü]+|[a-z]+-[a-z]+)\s+){0,2}"
    r"(?:actions?|acts?|answers?|buttons?|calls?|clicks?|copies|e-?mails?|friends?|hashtags?|ideas?|lines?|links?"
    r"|messages?|neighbou?rs?|options?|paragraphs?|parts?|photos?|points?|posts?|questions?|reasons?|sentences?"
    r"|shares?|steps?|taps?|texts?|things?|times?|tips?|toots?|tweets?|updates?|versions?|ways?|words?"
    r"|acci[oó]n(?:es)?|amig[oa]s?|amistades|botones|clics?|copias?|correos?|cosas?|enlaces?|formas?|frases?|l[ií]neas?"
    r"|maneras?|mensajes?|opciones|palabras?|pasos?|preguntas?|publicaci[oó]n(?:es)?|puntos?|razones|toques?|tuits?"
    r"|veces|v[ií]as?)\b"
)
_MOST_PARTS = 10


def machinery(text: str) -> Iterator[tuple[int, int]]:
    """Where ``text`` holds numbers that no reader takes for a fact of the matter."""
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield match.span()


def is_span_of_time(text: str, end: int, value: Decimal) -> bool:
    """Whether the number that ends at ``end`` counts seconds to weeks, as a message does of its reader's time."""
    return value <= _LONGEST_SPAN and bool(_SPAN_OF_TIME.match(text, end))


def counts_own_parts(text: str, end: int, value: Decimal) -> bool:
    """Whether the number that ends at ``end`` counts what the message itself offers or asks ("two ways to help")."""
    return value <= _MOST_PARTS and bool(_OWN_PARTS.match(text, end))
