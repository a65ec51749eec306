"""What message writers can do to a value: the filters beyond Jinja's own, and which of Jinja's are offered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from jinja2.filters import FILTERS
from jinja2.runtime import StrictUndefined, Undefined

_MONTHS = {
    "en": "January, February, March, April, May, June, July, August, September, October, November, December",
    "es": "enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, octubre, noviembre, diciembre",
    "fr": "janvier, février, mars, avril, mai, juin, juillet, août, septembre, octobre, novembre, décembre",
    "de": "Januar, Februar, März, April, Mai, Juni, Juli, August, September, Oktober, November, Dezember",
}
_WEEKDAYS = {
    "en": "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday",
    "es": "lunes, martes, miércoles, jueves, viernes, sábado, domingo",
    "fr": "lundi, mardi, mercredi, jeudi, vendredi, samedi, dimanche",
    "de": "Montag, Dienstag, Mittwoch, Donnerstag, Freitag, Samstag, Sonntag",
}
_DATES = {
    "en": {"long": "{day} {month} {year}", "short": "{day} {month}", "weekday": "{weekday}, {day} {month} {year}"},
    "es": {
        "long": "{day} de {month} de {year}",
        "short": "{day} de {month}",
        "weekday": "{weekday}, {day} de {month} de {year}",
    },
    "fr": {"long": "{day} {month} {year}", "short": "{day} {month}", "weekday": "{weekday} {day} {month} {year}"},
    "de": {"long": "{day}. {month} {year}", "short": "{day}. {month}", "weekday": "{weekday}, {day}. {month} {year}"},
}
_MOMENT = "moment"
"""The style that also tells the time and its zone; only for a date that has them, such as ``campaign.launch``."""
_AND = {"en": "and", "es": "y", "fr": "et", "de": "und"}

_FROM_JINJA = frozenset(
    {
        "abs", "batch", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "groupby",
        "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr",
        "replace", "reverse", "round", "select", "selectattr", "slice", "sort", "string", "striptags", "sum", "title",
        "trim", "truncate", "unique", "upper", "urlencode", "wordcount", "wordwrap",
    }
)  # fmt: skip
"""Left out: what passes a value through unescaped (safe, tojson, xmlattr, urlize, forceescape), what is not the same
each time (random), what reaches attributes by a computed name (attr), what makes text as wide as a number says
(center, indent, format), and what nobody writes in a message (pprint, filesizeformat)."""

_ONE_SHOT = ("batch", "items", "map", "reject", "rejectattr", "reverse", "select", "selectattr", "slice", "unique")
"""Jinja's own give iterators, which are empty the second time; ours give lists, so a value is the same at every use."""


class Unknown(StrictUndefined):
    """A name or attribute that does not exist: any use fails, except that ``fallback`` takes a missing ``extra``."""

    __slots__ = ()

    @property
    def _is_missing_key(self) -> bool:
        return isinstance(self._undefined_obj, Mapping)


def for_language(language: str) -> dict[str, Callable[..., Any]]:
    """All filters of a template in ``language`` (a BCP 47 tag)."""
    primary = language.partition("-")[0].lower()

    def dated(value: Any, style: str = "long", language: str = primary) -> str:
        return in_words(value, style, language)

    def listed(values: Iterable[Any], word: str | None = None) -> str:
        return _join_and([str(value) for value in values], _AND.get(primary, "and") if word is None else word)

    offered = {name: FILTERS[name] for name in _FROM_JINJA}
    for name in _ONE_SHOT:
        offered[name] = _giving_lists(offered[name])
    return offered | {
        "fallback": _fallback,
        "date": dated,
        "join_and": listed,
        "plural": _plural,
        "urlencode": _urlencoded,
    }


def _urlencoded(value: Any) -> str:
    """Jinja's own, which takes longer than all other fields of a mail together, and gets the same regions, places and
    languages again and again."""
    encoded: str = _text_urlencoded(value) if type(value) is str else FILTERS["urlencode"](value)
    return encoded


@lru_cache(maxsize=10_000)
def _text_urlencoded(value: str) -> str:
    encoded: str = FILTERS["urlencode"](value)
    return encoded


def _giving_lists(original: Callable[..., Any]) -> Callable[..., Any]:
    def giving_list(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        return result if isinstance(result, str) else list(result)

    # Jinja marks by an attribute which filters want the context or the environment as their first argument.
    giving_list.__dict__.update(original.__dict__)
    return giving_list


def _fallback(value: Any, other: str) -> Any:
    """``value`` without white space around it, or ``other`` where it is blank or not among somebody's ``extra``."""
    if isinstance(value, Undefined):
        if isinstance(value, Unknown) and value._is_missing_key:  # noqa: SLF001 - public names would be attributes
            return other
        return str(value)  # fails as any use of it does
    if value is None:
        return other
    return str(value).strip() or other


def in_words(value: Any, style: str, language: str) -> str:
    """A date as a message says it. TypeError for what is no date, ValueError for a style or language there is not."""
    if not isinstance(value, date):
        raise TypeError(f"the date filter needs a date, and this is {_kind(value)}")
    if language not in _DATES:
        raise ValueError(f"dates can be written in {', '.join(sorted(_DATES))}, not in {language!r}")
    styles = _DATES[language]
    if style == _MOMENT and isinstance(value, datetime):
        clock = _clock(value) if language == "en" else f"{value.hour}:{value:%M}"
        return f"{in_words(value, 'weekday', language)}, {clock} {value.tzname() or ''}".rstrip()
    if style not in styles:
        raise ValueError(f"a date can be {', '.join(styles)}, not {style!r}")
    return styles[style].format(
        day="1er" if language == "fr" and value.day == 1 else value.day,
        month=_MONTHS[language].split(", ")[value.month - 1],
        year=value.year,
        weekday=_WEEKDAYS[language].split(", ")[value.weekday()],
    )


def _clock(value: datetime) -> str:
    return f"{value.hour % 12 or 12}:{value:%M} {'a.m.' if value.hour < 12 else 'p.m.'}"  # noqa: PLR2004 - noon


def _kind(value: Any) -> str:
    return "nothing: there is none" if value is None or isinstance(value, Undefined) else f"a {type(value).__name__}"


def _join_and(parts: list[str], word: str) -> str:
    if len(parts) <= 1:
        return "".join(parts)
    last = parts[-1]
    if word == "y" and last.lower().startswith(("i", "í", "hi", "hí")) and not last.lower().startswith(("hie", "hia")):
        word = "e"  # Spanish: "y" becomes "e" before the sound of i, but not before its diphthongs
    return f"{', '.join(parts[:-1])} {word} {last}"


def _plural(number: int, one: str, many: str) -> str:
    """``one`` where ``number`` is exactly 1, else ``many``."""
    return one if number == 1 else many
