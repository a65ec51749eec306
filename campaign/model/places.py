"""Which zone somebody is in who did not say: by country and region, by postal code, by country; facts, as tables.

States and provinces keep the time that their law says: for the United States 49 CFR part 71 (standard time zone
boundaries), for Canada, Australia and Brazil as the IANA time zone database has it. Where a state has two, that of most
people is taken, and ZIP codes tell the others apart as far as their first three digits do. Which state a ZIP code is in
is from the three-digit prefixes of its labeling list L002. A county on the other side of a line can be wrong
by an hour; a supporter's own zone always comes first.

A place is written as a key, from what is known most closely: ``:US-TX-799``, ``:US-TX``, ``:US 799``, ``:DE``. The same
keys are made in SQL (``storage.places``), so that a database of millions is asked once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from campaign.model.countries import COUNTRIES

_EAST, _MID, _MOUNTAIN, _WEST = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"


def _all(codes: str, zone: str) -> dict[str, str]:
    return dict.fromkeys(codes.split(), zone)


_STATES = {
    **_all("CT DC DE FL GA KY MA MD ME NC NH NJ NY OH PA RI SC VA VT WV", _EAST),
    **_all("AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI", _MID),
    **_all("CO MT NM UT WY", _MOUNTAIN),
    **_all("CA NV OR WA", _WEST),
    "AK": "America/Anchorage",
    "AS": "Pacific/Pago_Pago",
    "AZ": "America/Phoenix",
    "GU": "Pacific/Guam",
    "HI": "Pacific/Honolulu",
    "ID": "America/Boise",
    "IN": "America/Indiana/Indianapolis",
    "MI": "America/Detroit",
    "MP": "Pacific/Saipan",
    "PR": "America/Puerto_Rico",
    "VI": "America/St_Thomas",
}
_ZIP_STATES = """
    005 NY, 006-007 PR, 008 VI, 009 PR, 010-027 MA, 028-029 RI, 030-038 NH, 039-049 ME, 050-054 VT, 055 MA, 056-059 VT,
    060-069 CT, 070-089 NJ, 100-149 NY, 150-196 PA, 197-199 DE, 200 DC, 201 VA, 202-205 DC, 206-212 MD, 214-219 MD,
    220-246 VA, 247-268 WV, 270-289 NC, 290-299 SC, 300-319 GA, 320-339 FL, 341-342 FL, 344 FL, 346-347 FL, 349 FL,
    350-352 AL, 354-369 AL, 370-385 TN, 386-397 MS, 398-399 GA, 400-427 KY, 430-459 OH, 460-479 IN, 480-499 MI,
    500-516 IA, 520-528 IA, 530-532 WI, 534-535 WI, 537-549 WI, 550-551 MN, 553-567 MN, 570-577 SD, 580-588 ND,
    590-599 MT, 600-620 IL, 622-629 IL, 630-631 MO, 633-641 MO, 644-658 MO, 660-662 KS, 664-679 KS, 680-681 NE,
    683-693 NE, 700-701 LA, 703-708 LA, 710-714 LA, 716-729 AR, 730-731 OK, 733 TX, 734-741 OK, 743-749 OK, 750-799 TX,
    800-816 CO, 820-831 WY, 832-838 ID, 840-847 UT, 850-853 AZ, 855-857 AZ, 859-860 AZ, 863-865 AZ, 870-871 NM,
    873-884 NM, 885 TX, 889-891 NV, 893-895 NV, 897-898 NV, 900-908 CA, 910-928 CA, 930-961 CA, 967-968 HI, 969 GU,
    970-979 OR, 980-986 WA, 988-994 WA, 995-999 AK"""
_ZIP_OTHERS = {
    "AZ": {"865": _MOUNTAIN},  # the Navajo Nation keeps summer time
    "FL": dict.fromkeys(("324", "325"), _MID),
    "ID": dict.fromkeys(("835", "838"), _WEST),
    "IN": dict.fromkeys(("463", "464", "476", "477"), _MID),
    "KY": dict.fromkeys(("420", "421", "422", "423", "424"), _MID),
    "ND": {"586": _MOUNTAIN},
    "NE": {"693": _MOUNTAIN},
    "OR": {"979": "America/Boise"},
    "SD": {"577": _MOUNTAIN},
    "TN": dict.fromkeys(("373", "374", "376", "377", "378", "379"), _EAST),
    "TX": dict.fromkeys(("798", "799", "885"), _MOUNTAIN),
}
_PROVINCES = {  # of Canada: code, name, zone, first letters of its postal codes
    "NL": ("Newfoundland and Labrador", "America/St_Johns", "A"),
    "NS": ("Nova Scotia", "America/Halifax", "B"),
    "PE": ("Prince Edward Island", "America/Halifax", "C"),
    "NB": ("New Brunswick", "America/Moncton", "E"),
    "QC": ("Quebec", "America/Toronto", "GHJ"),
    "ON": ("Ontario", "America/Toronto", "KLMNP"),
    "MB": ("Manitoba", "America/Winnipeg", "R"),
    "SK": ("Saskatchewan", "America/Regina", "S"),
    "AB": ("Alberta", "America/Edmonton", "T"),
    "BC": ("British Columbia", "America/Vancouver", "V"),
    "YT": ("Yukon", "America/Whitehorse", "Y"),
    "NT": ("Northwest Territories", "America/Edmonton", ""),
    "NU": ("Nunavut", "America/Iqaluit", ""),
}
_AUSTRALIA = {  # code, name, zone, first digits of its postcodes
    "NSW": ("New South Wales", "Australia/Sydney", ("1", "2")),
    "ACT": ("Australian Capital Territory", "Australia/Sydney", ("02",)),
    "VIC": ("Victoria", "Australia/Melbourne", ("3", "8")),
    "QLD": ("Queensland", "Australia/Brisbane", ("4", "9")),
    "SA": ("South Australia", "Australia/Adelaide", ("5",)),
    "WA": ("Western Australia", "Australia/Perth", ("6",)),
    "TAS": ("Tasmania", "Australia/Hobart", ("7",)),
    "NT": ("Northern Territory", "Australia/Darwin", ("08", "09")),
}
_BRAZIL = {
    **_all("DF ES GO MG PR RJ RS SC SP", "America/Sao_Paulo"),
    **_all("CE MA PB PI RN", "America/Fortaleza"),
    **_all("AP PA", "America/Belem"),
    **_all("AL SE", "America/Maceio"),
    "AC": "America/Rio_Branco",
    "AM": "America/Manaus",
    "BA": "America/Bahia",
    "MS": "America/Campo_Grande",
    "MT": "America/Cuiaba",
    "PE": "America/Recife",
    "RO": "America/Porto_Velho",
    "RR": "America/Boa_Vista",
    "TO": "America/Araguaina",
}
_FAR_POSTAL_CODES = {
    **dict.fromkeys((":ES 35", ":ES 38"), "Atlantic/Canary"),
    **dict.fromkeys((f":PT {number}" for number in (90, 91, 92, 93, 94)), "Atlantic/Madeira"),
    **dict.fromkeys((f":PT {number}" for number in (95, 96, 97, 98, 99)), "Atlantic/Azores"),
    **dict.fromkeys((":CA P8", ":CA P9"), "America/Winnipeg"),
}
_FAR_PARTS = {
    **dict.fromkeys((f":CA-ON-{code}" for code in ("P8N", "P8T", "P9A", "P9N")), "America/Winnipeg"),
    **dict.fromkeys((f":CA-BC-{code}" for code in ("V1G", "V1J")), "America/Dawson_Creek"),
    **dict.fromkeys((f":CA-BC-{code}" for code in ("V1A", "V1C")), "America/Edmonton"),
}


def _zips() -> Iterator[tuple[str, str]]:
    """Each ZIP code's first three digits, and its state."""
    for entry in _ZIP_STATES.split(","):
        digits, state = entry.split()
        first, _, last = digits.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield f"{number:03}", state


def _regions() -> Iterator[tuple[str, str]]:
    yield from ((f":US-{state}", zone) for state, zone in _STATES.items())
    yield from ((f":BR-{state}", zone) for state, zone in _BRAZIL.items())
    for country, table in (("CA", _PROVINCES), ("AU", _AUSTRALIA)):
        for code, (name, zone, _) in table.items():
            yield f":{country}-{code}", zone
            yield f":{country}-{name.upper()}", zone
    yield ":CA-QUÉBEC", "America/Toronto"
    yield ":CA-QUéBEC", "America/Toronto"  # as SQLite writes it in capitals: it knows those of ASCII only


def _two_signs() -> Iterator[tuple[str, str]]:
    for _, zone, letters in _PROVINCES.values():
        yield from ((f":CA {letter}{digit}", zone) for letter in letters for digit in range(10))
    for _, zone, digits in _AUSTRALIA.values():
        for first in digits:
            yield from ((f":AU {first}{more}", zone) for more in (range(10) if len(first) == 1 else ("",)))


PARTS: Mapping[str, str] = {
    f":US-{state}-{digits}": zone for state, others in _ZIP_OTHERS.items() for digits, zone in others.items()
} | _FAR_PARTS
"""Parts of a region that keep another time than most of it, by its code and three signs of the postal code."""
REGIONS: Mapping[str, str] = dict(_regions())
THREE_SIGNS: Mapping[str, str] = {
    f":US {digits}": _ZIP_OTHERS.get(state, {}).get(digits, _STATES[state]) for digits, state in _zips()
}
"""By the first three signs of the postal code, where the region is not known."""
TWO_SIGNS: Mapping[str, str] = dict(_two_signs()) | _FAR_POSTAL_CODES
WHOLE: Mapping[str, str] = {f":{country}": zone for country, zone in COUNTRIES.items()}

_ALL: Mapping[str, str] = {**WHOLE, **TWO_SIGNS, **THREE_SIGNS, **REGIONS, **PARTS}
_HOMES = ("US", "CA", "AU", "BR")
"""Countries of several zones, whose regions tell more than the country. One zone is in no two of them."""
_HOME_ZONES: Mapping[str, str] = {zone: key[1:3] for key, zone in _ALL.items() if key[1:3] in _HOMES}
_HOME_AREAS = (
    ("US/", "US"),
    ("America/Indiana/", "US"),
    ("America/Kentucky/", "US"),
    ("Canada/", "CA"),
    ("Brazil/", "BR"),
)


def home_country(zone: str) -> str:
    """The country that a campaign in ``zone`` is in, where its regions are known: it is meant where none is written."""
    return _HOME_ZONES.get(zone) or next((country for area, country in _HOME_AREAS if zone.startswith(area)), "")


def key(*, zone: str, country: str, region: str, postal_code: str, home: str) -> str:
    """What is known of where somebody is: their zone, else a place; "" is nothing. ``home``: the campaign's country."""
    if zone:
        return zone
    there = f":{country or home}"
    code = postal_code.upper()
    by_region = f"{there}-{region.upper()}"
    for known, table in (
        (f"{by_region}-{code[:3]}", PARTS),
        (by_region, REGIONS),
        (f"{there} {code[:3]}", THREE_SIGNS),
        (f"{there} {code[:2]}", TWO_SIGNS),
        (f":{country}", WHOLE),
    ):
        if known in table:
            return known
    return ""


def zone_at(key: str, *, home_zone: str) -> str:
    """The zone of somebody of whom that is known: the campaign's where it is nothing."""
    return (_ALL.get(key) if key.startswith(":") else key) or home_zone


def keys_in(zones: Mapping[str, object] | frozenset[str]) -> Iterator[str]:
    """The places that are in one of ``zones``."""
    return (key for key, zone in _ALL.items() if zone in zones)
