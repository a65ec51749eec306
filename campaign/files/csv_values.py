"""What cells mean: dates, languages, countries, zones, tags, and whether somebody agreed or left.

A value that cannot be understood is None or empty, never a guess; the reader counts it.
"""

from __future__ import annotations

import csv
import re
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from importlib import resources

from campaign.files.csv_cells import plain
from campaign.flow.schedule import zone_names
from campaign.model.preference import ONE_CAMPAIGN
from campaign.model.preference import preference as read_preference
from campaign.model.supporter import Basis

MOST_TAGS = 50
LONGEST_TAG = 64
LONGEST_PREFERENCE = 200
_REMEMBERED = 20_000

EARLIEST_YEAR = 1990
"""Nobody agreed to e-mail before: an earlier date is a birthday or a spreadsheet's zero."""

_DATE = re.compile(
    r"(\d{1,2})([/.\-])(\d{1,2})\2(\d{4}|\d{2})(?:[,\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp])?\.?[Mm]?\.?)?"
)
_WRITTEN_DATES = ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y %I:%M %p", "%B %d, %Y %I:%M %p")

YES = frozenset({"yes", "y", "true", "t", "1", "x", "on", "si", "sí", "s", "checked"})
NO = frozenset({"no", "n", "false", "f", "0", "off", "none", "unchecked"})

_LANGUAGES = {
    "english": "en", "eng": "en", "inglés": "en", "ingles": "en",
    "spanish": "es", "español": "es", "espanol": "es", "castellano": "es", "spa": "es",
    "french": "fr", "français": "fr", "francais": "fr", "fra": "fr", "fre": "fr",
    "german": "de", "deutsch": "de", "deu": "de", "ger": "de",
    "portuguese": "pt", "português": "pt", "portugues": "pt", "por": "pt",
    "italian": "it", "italiano": "it", "ita": "it", "dutch": "nl", "nederlands": "nl", "nld": "nl",
    "chinese": "zh", "中文": "zh", "zho": "zh", "chi": "zh", "arabic": "ar", "العربية": "ar", "ara": "ar",
    "vietnamese": "vi", "tiếng việt": "vi", "vie": "vi", "korean": "ko", "한국어": "ko", "kor": "ko",
    "tagalog": "tl", "tgl": "tl", "filipino": "fil", "russian": "ru", "русский": "ru", "rus": "ru",
    "japanese": "ja", "日本語": "ja", "jpn": "ja", "hindi": "hi", "hin": "hi", "polish": "pl", "polski": "pl",
    "catalan": "ca", "català": "ca", "cat": "ca", "haitian creole": "ht", "kreyòl ayisyen": "ht", "hat": "ht",
}  # fmt: skip
_COUNTRIES = {
    "usa": "US", "u.s.a.": "US", "u.s.": "US", "united states of america": "US", "estados unidos": "US",
    "ee. uu.": "US", "eeuu": "US", "uk": "GB", "united kingdom": "GB", "great britain": "GB", "england": "GB",
    "scotland": "GB", "wales": "GB", "northern ireland": "GB", "gbr": "GB", "can": "CA", "canadá": "CA", "mex": "MX",
    "méxico": "MX", "esp": "ES", "españa": "ES", "deu": "DE", "deutschland": "DE", "fra": "FR", "aus": "AU",
    "south korea": "KR", "russia": "RU", "czech republic": "CZ", "holland": "NL", "the netherlands": "NL",
}  # fmt: skip
_STATES = {
    "alabama": "AL", "alaska": "AK", "arizona": "AZ", "arkansas": "AR", "california": "CA", "colorado": "CO",
    "connecticut": "CT", "delaware": "DE", "district of columbia": "DC", "florida": "FL", "georgia": "GA",
    "hawaii": "HI", "idaho": "ID", "illinois": "IL", "indiana": "IN", "iowa": "IA", "kansas": "KS",
    "kentucky": "KY", "louisiana": "LA", "maine": "ME", "maryland": "MD", "massachusetts": "MA", "michigan": "MI",
    "minnesota": "MN", "mississippi": "MS", "missouri": "MO", "montana": "MT", "nebraska": "NE", "nevada": "NV",
    "new hampshire": "NH", "new jersey": "NJ", "new mexico": "NM", "new york": "NY", "north carolina": "NC",
    "north dakota": "ND", "ohio": "OH", "oklahoma": "OK", "oregon": "OR", "pennsylvania": "PA", "puerto rico": "PR",
    "rhode island": "RI", "south carolina": "SC", "south dakota": "SD", "tennessee": "TN", "texas": "TX",
    "utah": "UT", "vermont": "VT", "virginia": "VA", "washington": "WA", "west virginia": "WV", "wisconsin": "WI",
    "wyoming": "WY",
}  # fmt: skip
_STATE_CODES = frozenset(_STATES.values())
_ZONES = {
    # What forms in the United States offer: people mean the place and not a fixed offset.
    "eastern time (us & canada)": "America/New_York", "eastern": "America/New_York", "est": "America/New_York",
    "edt": "America/New_York", "et": "America/New_York", "central time (us & canada)": "America/Chicago",
    "central": "America/Chicago", "cst": "America/Chicago", "cdt": "America/Chicago", "ct": "America/Chicago",
    "mountain time (us & canada)": "America/Denver", "mountain": "America/Denver", "mst": "America/Denver",
    "mdt": "America/Denver", "mt": "America/Denver", "arizona": "America/Phoenix",
    "pacific time (us & canada)": "America/Los_Angeles", "pacific": "America/Los_Angeles",
    "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "pt": "America/Los_Angeles",
    "alaska": "America/Anchorage", "hawaii": "Pacific/Honolulu",
}  # fmt: skip
_BASES = {
    "opt-in": Basis.OPT_IN, "optin": Basis.OPT_IN, "opted in": Basis.OPT_IN, "consent": Basis.OPT_IN,
    "single opt-in": Basis.OPT_IN, "consentimiento": Basis.OPT_IN, "double-opt-in": Basis.DOUBLE_OPT_IN,
    "double opt-in": Basis.DOUBLE_OPT_IN, "doi": Basis.DOUBLE_OPT_IN, "confirmed": Basis.DOUBLE_OPT_IN,
    "member": Basis.MEMBER, "membership": Basis.MEMBER, "miembro": Basis.MEMBER, "socio": Basis.MEMBER,
    "partner": Basis.PARTNER, "none": Basis.NONE, "no": Basis.NONE, "ninguno": Basis.NONE,
}  # fmt: skip


class Standing(Enum):
    """What a row says of somebody's subscription. ``ABSENT`` never agreed, ``LEFT`` did and wants no more."""

    SILENT = "silent"
    AGREED = "agreed"
    ABSENT = "absent"
    LEFT = "left"
    UNKNOWN = "unknown"


_STANDINGS = {
    Standing.SILENT: "active enabled valid ok member activo",  # they say that an address works, not who agreed
    Standing.AGREED: "subscribed opted-in opt-in optedin confirmed suscrito alta",
    Standing.ABSENT: """not-subscribed nonsubscribed non-subscribed never-subscribed pending unconfirmed transactional
        not-opted-in no-consent no-suscrito pendiente""",
    Standing.LEFT: """unsubscribed unsubscribe unsub opted-out opt-out optedout cleaned bounced bouncing bounce
        bounced-email hard-bounce hard-bounced soft-bounced invalid spam spam-complaint spam-report complained
        complaint suppressed do-not-email blocked inactive archived deleted removed cancelled canceled dado-de-baja
        baja u desuscrito cancelado inactivo rebotado""",
}
_STANDING = {word: standing for standing, words in _STANDINGS.items() for word in words.split()}


@lru_cache(_REMEMBERED)
def standing(cell: str) -> Standing:
    """What a status says: ``Subscribed``, ``Spam complaint``, ``Not subscribed``."""
    word = "-".join(cell.lower().split())
    if not word:
        return Standing.SILENT
    if word in YES:
        return Standing.AGREED
    if word in NO:
        return Standing.ABSENT
    return _STANDING.get(word, Standing.UNKNOWN)


@lru_cache(_REMEMBERED)
def status(cell: str) -> Standing:
    """What a column says that may be about something else: a word that we do not know says nothing here."""
    said = standing(cell)
    return Standing.SILENT if said is Standing.UNKNOWN else said


@lru_cache(_REMEMBERED)
def agreed(cell: str) -> Standing:
    """What a column such as ``Email Opt-In`` says: a no means that somebody wants none."""
    said = standing(cell)
    return Standing.LEFT if said is Standing.ABSENT else said


@lru_cache(_REMEMBERED)
def declined(cell: str) -> Standing:
    """What a column such as ``Unsubscribed`` says: anything but a no, a date too, means that somebody left."""
    word = cell.strip().lower()
    return Standing.SILENT if not word or word in NO or word == "subscribed" else Standing.LEFT


def basis(cell: str) -> Basis | None:
    return _BASES.get(" ".join(cell.lower().replace("_", "-").split()))


def instant(cell: str, *, day_first: bool, latest: datetime) -> datetime | None:
    """A date or time in UTC; without a zone it is taken for UTC. None where it is no date that can be true.

    ISO 8601 and what spreadsheets write. ``3/4/2018`` is 4 March, or 3 April with ``day_first``; where only one
    reading is a date, that one. ``3.4.2018`` is always 3 April.
    """
    cell = cell.strip()
    if not cell:
        return None
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        found_otherwise = _spreadsheet_date(cell, day_first=day_first)
        if found_otherwise is None:
            return None
        found = found_otherwise
    try:
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError:
        return None
    return found if found.year >= EARLIEST_YEAR and found <= latest else None


def _spreadsheet_date(cell: str, *, day_first: bool) -> datetime | None:
    match = _DATE.fullmatch(cell)
    if match is None:
        for form in _WRITTEN_DATES:
            with suppress(ValueError):
                return datetime.strptime(cell, form).replace(tzinfo=UTC)
        return None
    one, mark, two, year, hour, minute, second, half = match.groups()
    day_first = day_first or mark == "."
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + (12 if half in "pP" else 0)
    orders = [(int(two), int(one)), (int(one), int(two))] if day_first else [(int(one), int(two)), (int(two), int(one))]
    for month, day in orders:
        with suppress(ValueError):
            return datetime(
                int(year) + (2000 if len(year) == 2 else 0),  # noqa: PLR2004 - two digits of a year
                month,
                day,
                hours,
                int(minute or 0),
                int(second or 0),
                tzinfo=UTC,
            )
    return None


@lru_cache(_REMEMBERED)
def language(cell: str) -> str | None:
    """The primary subtag in lower case (BCP 47): ``en`` for ``en-US`` and ``English``."""
    word = cell.strip().lower()
    if word in _LANGUAGES:
        return _LANGUAGES[word]
    match = re.fullmatch(r"([a-z]{2,3})(?:[-_][a-z0-9]+)*", word)
    if match is None:
        return None
    return _LANGUAGES.get(match[1], match[1])


@lru_cache(1)
def _country_names() -> dict[str, str]:
    """ISO 3166 names and codes as the time zone database lists them."""
    table = resources.files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if line and not line.startswith("#")]
    names = {name.lower(): code for code, name in rows}
    return names | {code.lower(): code for code, _ in rows} | _COUNTRIES


@lru_cache(_REMEMBERED)
def country(cell: str) -> str | None:
    """The ISO 3166 code in capitals."""
    return _country_names().get(cell.strip().lower())


@lru_cache(_REMEMBERED)
def region(cell: str, country: str) -> str:
    """A state or province: codes in capitals, a state of the United States by its code, else as written."""
    word = " ".join(cell.split())
    if country in ("", "US") and word.lower() in _STATES:
        return _STATES[word.lower()]
    return word.upper() if len(word) <= 3 else word  # noqa: PLR2004 - ISO 3166-2 codes have up to three


def postal_code(cell: str, country: str, region: str) -> str:
    """As written, in capitals; a ZIP code gets back the noughts that spreadsheets take from its front."""
    if len(cell) == 5 and cell.isdecimal():  # noqa: PLR2004 - a whole ZIP code, as most are
        return cell
    code = " ".join(cell.upper().split())
    if code.isdecimal() and len(code) in (3, 4) and (country == "US" or (not country and region in _STATE_CODES)):
        return code.zfill(5)
    return code


@lru_cache(1)
def _zone_names() -> dict[str, str]:
    return {name.lower(): name for name in zone_names()} | _ZONES


@lru_cache(_REMEMBERED)
def zone(cell: str) -> str | None:
    """The IANA name of a time zone that a wave by local time serves: nobody in any other would ever be written to.

    ``posix/America/New_York`` is how some systems file ``America/New_York``. ``right/…`` counts leap seconds, and
    ``localtime`` and ``Factory`` are no place: they are none.
    """
    name = cell.strip().lower().removeprefix("posix/")
    return _zone_names().get(name) or _zone_names().get(name.replace(" ", "_"))


@lru_cache(_REMEMBERED)
def preference(cell: str) -> str | None:
    """What a person has asked for, as ``export`` writes it; None where it is not understood."""
    written = plain(cell)
    understood = read_preference(written).stored() == written != ONE_CAMPAIGN
    return written if understood and len(written) <= LONGEST_PREFERENCE else None


def tags(cell: str) -> tuple[str, ...]:
    """Tags divided by ``;``, ``|`` or commas; Mailchimp puts each in quotation marks."""
    divider = next((mark for mark in ";|" if mark in cell), ",")
    if divider not in cell and " / " in cell:
        parts = cell.split(" / ")
    elif '"' in cell:
        parts = next(csv.reader([cell.replace("\n", " ").replace("\r", " ")], delimiter=divider, skipinitialspace=True))
    else:
        parts = cell.split(divider)
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
