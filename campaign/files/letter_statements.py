# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""What a letter says: its demands, the figures it states, the words it quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from campaign.files.letter_prose import Passage
from campaign.flow import letter_dates, letter_exempt, letter_figures, letter_numbers, letter_quotations
from campaign.model.letter import Demand, Figure, Quotation

# Someone who signs asks something of the reader.
_ASKS = re.compile(
    r"\b(?:we|I|undersigned|coalition|signatories|organi[sz]ations)\b(?:[\s,]+[\w'’-]+){0,4}?[\s,]+"
    r"(?:demand|urge|ask|insist|request|implore|require|appeal\s+to|call\s+(?:up)?on|call\s+for)\b(?!\s+ourselves)"
    r"|\b(?:write|writing|unite|join|stand|come)\b[^.;]{0,60}?\bto\s+(?:demand|urge|ask|insist|request|call\s+(?:up)?on)\b"
    r"|\bour\s+demands?\s+(?:is|are)\b|\bis\s+time\s+(?:for|that)\b"
    r"|\b(?:exigimos|pedimos|instamos|solicitamos|reclamamos|demandamos|urgimos|exhortamos|llamamos\s+a)\b"
    r"|\b(?:le|les|os|para)\s+(?:pedir|exigir|instar|solicitar|pedirles?|exigirles?|solicitarles?|instarles?)\b",
    re.IGNORECASE,
)
# Someone else must do something.
_MUST = re.compile(
    r"(?<![\w'’])(?P<who>[\w'’]++)\s+must(?:\s+(?:also|now|therefore|not|immediately|publicly|instead|first))*"
    r"\s+(?!have\b|be\s+(?:said|noted|remembered|true)\b)[a-z]+"
    r"|(?<!\w)(?P<quien>\w++)\s+(?:debe|deben|tiene\s+que|tienen\s+que)\s+\w+(?:ar|er|ir|arse|erse|irse)\b",
    re.IGNORECASE,
)
_PLEADS = re.compile(r"(?:please|por favor,?)\s+[a-z]+", re.IGNORECASE)
_NOT_ASKED = frozenset({"we", "i", "one", "there", "that", "which", "who", "what", "nosotros", "nosotras", "se", "que"})
_HEADS_DEMANDS = re.compile(
    r"\b(?:demands?|asks?|requests?|calls?\s+(?:up)?on|urges?|recommendations?|must|exigencias?|demandas?|peticiones"
    r"|exigimos|pedimos)\b",
    re.IGNORECASE,
)
_FIRST_YEAR, _LAST_YEAR = 1500, 2199


def demands(passages: Sequence[Passage]) -> tuple[Demand, ...]:
    """What the letter asks for: sentences of demand, and the items of a list that one introduces.

    A sentence that only introduces such a list ("We call on you to:") is not counted beside its items.
    """
    found: list[Demand] = []
    listing = False
    for at, passage in enumerate(passages):
        if not passage.item:
            listing = False
        elif at == 0 or not passages[at - 1].item:
            before = passages[at - 1].text.rsplit(". ", 1)[-1] if at else ""
            listing = bool(_HEADS_DEMANDS.search(passage.heading) or _asks(before))
        if listing:
            found.append(Demand(text=passage.text, line=passage.numbers[0], number=passage.ordinal))
            continue
        introduces = at + 1 < len(passages) and passages[at + 1].item and passage.text.endswith(":")
        for begin, end in passage.spans():
            sentence = passage.text[begin:end]
            if _asks(sentence) and not (introduces and end == len(passage.text)):
                found.append(Demand(text=sentence, line=passage.line_at(begin), number=passage.ordinal))
    return tuple(found)


def figures(passages: Sequence[Passage]) -> tuple[Figure, ...]:
    """Every quantity stated in the prose, as written. Dates, years alone and ordinals are none."""
    language = letter_numbers.language_of(" ".join(passage.text for passage in passages))
    return tuple(figure for passage in passages for figure in _figures(passage, language))


def quotations(passages: Sequence[Passage]) -> tuple[Quotation, ...]:
    """Everything the letter puts between quotation marks, without the marks."""
    return tuple(
        Quotation(text=quoted.text, line=passage.line_at(quoted.start))
        for passage in passages
        for quoted in letter_quotations.find(passage.text)
    )


def _asks(sentence: str) -> bool:
    if _ASKS.search(sentence) or _PLEADS.match(sentence):
        return True
    return any((match["who"] or match["quien"]).casefold() not in _NOT_ASKED for match in _MUST.finditer(sentence))


def _figures(passage: Passage, language: str) -> Iterator[Figure]:
    dates = [(one.start, one.end) for one in letter_dates.find(passage.text)]
    seen = letter_figures.hide(passage.text, [*dates, *letter_exempt.machinery(passage.text)])
    quantities = letter_figures.find(seen, language)
    spans = list(passage.spans())
    at = 0
    for quantity in quantities:
        while spans[at][1] < quantity.end and at + 1 < len(spans):
            at += 1
        is_year = quantity.kind == "count" and _FIRST_YEAR <= quantity.value <= _LAST_YEAR and quantity.text.isdecimal()
        if not is_year:
            begin, end = spans[at]
            sentence = passage.text[begin:end]
            yield Figure(text=quantity.text, sentence=sentence, line=passage.line_at(quantity.start))
