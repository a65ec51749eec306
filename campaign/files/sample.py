"""A made-up list of supporters for rehearsals and benchmarks: nobody in it exists.

Addresses are at reserved domains only (RFC 2606), so that nothing could reach anybody even by mistake. The same
``seed`` makes the same people. Shares are those of a grown list in the United States: most in its zones, some abroad,
some nobody knows where; about one in six prefers Spanish; some first names and a few consents are missing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

from campaign.files.csv_write import write_header, write_rows
from campaign.model.supporter import Basis, Consent, NewSupporter

T = TypeVar("T")

_FIRST = """Aaliyah Abdul Adaeze Ahmed Aisha Alex Amara Amir Anaya Andre Anika Aria Arjun Ayesha Beatrix Ben Bilal
Brianna Caleb Camila Carmen Chen Chidi Claire Dalia Dana Darnell Deepa Devon Ebony Eitan Elena Eli Emeka Esther Fatima
Femi Finn Freya Gabriel Grace Hana Hassan Hiroshi Ibrahim Imani Ines Ingrid Isaac Ivy Jada Jamal Jasmine Jin Joanna
Jordan Kai Karim Keisha Kofi Kwame Laila Lars Leila Leon Linh Lucia Łukasz Malik Marcus Maya Mei Mina Mohammed Nadia
Naomi Nia Noor Noa Oluwaseun Omar Oscar Priya Quinn Rahul Rania Reza Rosa Ruth Sade Samir Sanjay Sarah Selma Sione
Sofia Tariq Terrell Thuy Tomás Uma Vikram Wei Xiomara Yara Yusuf Zainab Zoë""".split()  # noqa: SIM905 - a list to be read by people
_FIRST_ES = """Alejandra Álvaro Ana Andrés Beatriz Carlos Catalina Consuelo Daniela Diego Esperanza Felipe Fernanda
Gloria Guadalupe Héctor Inés Javier Jesús Jimena José Juana Lourdes Luz Manuel María Marisol Mateo Mónica Nicolás
Paloma Pilar Rafael Raúl Rocío Rosario Salvador Sebastián Soledad Teresa Valentina Verónica Ximena Yolanda""".split()  # noqa: SIM905 - a list to be read by people
_LAST = """Abara Abiola Adeyemi Agarwal Ahmadi Alvarez Anders Asante Avery Banerjee Barnes Bauer Begum Bello Bennett
Boateng Brandt Brooks Byrne Carter Chandra Chang Chaudhry Coleman Dang Das Davies Delgado Desai Diallo Dubois Ebrahimi
Ekström Ellis Eze Farah Fernandez Fischer Fofana Fujita Gallagher Garza Ghosh Greenberg Gupta Haddad Hale Hassan Hayes
Herrera Ho Huang Hussain Iyer Jackson Jensen Kaplan Kaur Keita Khan Kim Kowalski Kumar Lam Larsson Levi Lindqvist Liu
Lopez Mahmoud Marsh Mbeki Mehta Mensah Miller Mizrahi Mori Müller Nakamura Nassar Nguyễn Novak Nwosu Obi Okafor
Oliveira Owusu Park Patel Pham Qureshi Rahman Ramos Reyes Rivera Rosen Sato Schwartz Sen Shah Silva Singh Sørensen
Suzuki Tahir Takahashi Tran Traoré Tuiasosopo Vang Vega Volkov Walker Washington Weiss Wilde Wójcik Wong Yamamoto Yang
Yoon Young Zapata Zhang Zimmer""".split()  # noqa: SIM905 - a list to be read by people
_LAST_ES = """Aguilar Álvarez Cabrera Calderón Castillo Contreras Cortés Cruz Delgado Díaz Domínguez Espinoza Flores
Fuentes García Gómez González Guerrero Gutiérrez Hernández Ibáñez Jiménez León Lozano Márquez Medina Méndez Molina
Morales Muñoz Núñez Ochoa Ortega Pacheco Peña Quintero Ramírez Ríos Rojas Romero Salazar Sánchez Soto Torres Valdez
Vargas Vázquez Zamora""".split()  # noqa: SIM905 - a list to be read by people

# Zone, country, region, first and last postal code, share in a thousand.
_PLACES = (
    ("America/New_York", "US", "NY", 10001, 14925, 95), ("America/New_York", "US", "FL", 32003, 34997, 62),
    ("America/New_York", "US", "PA", 15001, 19640, 43), ("America/New_York", "US", "MA", 1001, 2791, 42),
    ("America/New_York", "US", "OH", 43001, 45999, 36), ("America/New_York", "US", "GA", 30002, 31999, 34),
    ("America/New_York", "US", "NC", 27006, 28909, 33), ("America/New_York", "US", "NJ", 7001, 8989, 32),
    ("America/New_York", "US", "VA", 22003, 24658, 30), ("America/New_York", "US", "DC", 20001, 20099, 18),
    ("America/Detroit", "US", "MI", 48001, 49971, 29), ("America/Chicago", "US", "TX", 75001, 79999, 78),
    ("America/Chicago", "US", "IL", 60001, 62999, 46), ("America/Chicago", "US", "WI", 53001, 54990, 20),
    ("America/Chicago", "US", "MN", 55001, 56763, 24), ("America/Chicago", "US", "TN", 37010, 38589, 19),
    ("America/Chicago", "US", "LA", 70001, 71497, 12), ("America/Denver", "US", "CO", 80001, 81658, 26),
    ("America/Denver", "US", "NM", 87001, 88439, 9), ("America/Denver", "US", "UT", 84001, 84791, 9),
    ("America/Phoenix", "US", "AZ", 85001, 86556, 24), ("America/Los_Angeles", "US", "CA", 90001, 96162, 130),
    ("America/Los_Angeles", "US", "WA", 98001, 99403, 38), ("America/Los_Angeles", "US", "OR", 97001, 97920, 24),
    ("America/Anchorage", "US", "AK", 99501, 99950, 3), ("Pacific/Honolulu", "US", "HI", 96701, 96898, 5),
    ("America/Puerto_Rico", "US", "PR", 601, 988, 8), ("America/Toronto", "CA", "ON", 0, 0, 14),
    ("America/Mexico_City", "MX", "", 1000, 16999, 10), ("Europe/London", "GB", "", 0, 0, 12),
    ("Europe/Madrid", "ES", "", 28001, 28055, 7), ("Europe/Berlin", "DE", "", 10115, 14199, 5),
    ("Asia/Kolkata", "IN", "", 110001, 110096, 4), ("Australia/Sydney", "AU", "NSW", 2000, 2899, 4),
    ("", "US", "", 0, 0, 25), ("", "", "", 0, 0, 15),
)  # fmt: skip
_POSTAL_DIGITS = {"US": 5, "MX": 5, "ES": 5, "DE": 5, "IN": 6, "AU": 4}

_DOMAINS = ("example.org", "example.com", "example.net", "mail.example.org", "post.example.com", "home.example.net")
_STEERED = ("bounce.example.org", "blocked.example.org", "dropped.example.org")
"""What SendGrid's stand-in bounces, blocks and drops."""

_TAGS: tuple[tuple[tuple[str, ...], int], ...] = (
    ((), 812),
    (("donor", "monthly"), 30),
    (("donor",), 90),
    (("volunteer",), 50),
    (("volunteer", "donor"), 15),
    (("press",), 3),
)
_LANGUAGES = (("en", 776), ("es", 180), ("fr", 7), ("zh", 6), ("vi", 5), ("", 26))

_POOL = 4_096  # a power of two: a mask draws from it
_PARTNERS = 244
"""One in so many is at a partner organisation: 41 in 10,000, as many as signed the letter."""
_NAMELESS, _SILENT, _LEFT, _LOST = 246, 20, 10, 4
"""Of ``_POOL``: without first name (6 %), without consent (0.5 %), unsubscribed (0.25 %), steered (0.1 %)."""
_OLDEST = datetime(2014, 1, 6, tzinfo=UTC)
_DAYS = 1_560  # until April 2018
_FORMS = ("petition on the website", "newsletter form", "event sign-up sheet", "donation form")


def sample(n: int, *, seed: int = 2018) -> Iterator[NewSupporter]:
    """``n`` made-up people, each at an address of their own."""
    random = Random(seed)  # noqa: S311 - made-up people need no secret numbers
    people, places = _people(random), _places(random)
    consents, tags = _consents(random), _drawn(random, _TAGS)
    partner = Consent(Basis.PARTNER, "coalition agreement", _OLDEST + timedelta(days=_DAYS))
    bits, mask = random.getrandbits, _POOL - 1
    for number in range(1, n + 1):
        drawn = bits(72)
        first, last, language, stem = people[drawn & mask]
        zone, country, region, postal_code = places[drawn >> 12 & mask]
        luck, lot = drawn >> 24 & mask, drawn >> 36 & mask
        at_partner = number % _PARTNERS == 0
        domain = _STEERED[number % 3] if lot < _LOST else _DOMAINS[lot % 6]
        yield NewSupporter(  # by place: this is made a million times over
            f"{stem}{number}@{domain}",
            "" if luck < _NAMELESS else first,
            last,
            language,
            zone,
            country,
            region,
            postal_code,
            ("partner",) if at_partner else tags[drawn >> 48 & mask],
            partner if at_partner else None if lot >= _POOL - _SILENT else consents[drawn >> 60 & mask],
            None,
            luck >= _POOL - _LEFT and not at_partner,
            {},
        )


def write_csv(path: Path, n: int, seed: int = 2018) -> None:
    """Write ``n`` made-up people as a list that can be imported."""
    with path.open("w", encoding="utf-8", newline="") as out:
        write_header(out)
        write_rows(out, ((person, person.unsubscribed, "") for person in sample(n, seed=seed)))


def _drawn(random: Random, weighed: Sequence[tuple[T, int]]) -> list[T]:
    """``_POOL`` values, each as often as its weight says, in no order."""
    total = sum(weight for _, weight in weighed)
    drawn = [value for value, weight in weighed for _ in range(max(1, round(weight * _POOL / total)))][:_POOL]
    drawn += [weighed[0][0]] * (_POOL - len(drawn))
    random.shuffle(drawn)
    return drawn


def _people(random: Random) -> list[tuple[str, str, str, str]]:
    people = []
    for language in _drawn(random, _LANGUAGES):
        hispanic = language == "es" or random.random() < 0.05  # noqa: PLR2004 - one in twenty
        first = random.choice(_FIRST_ES if hispanic else _FIRST)
        last = random.choice(_LAST_ES if hispanic else _LAST)
        people.append((first, last, language, f"{_ascii(first)}.{_ascii(last)}"))
    return people


def _places(random: Random) -> list[tuple[str, str, str, str]]:
    drawn = _drawn(random, [(place[:5], place[5]) for place in _PLACES])
    return [
        (zone, country, region, str(random.randint(low, high)).zfill(_POSTAL_DIGITS[country]) if high else "")
        for zone, country, region, low, high in drawn
    ]


def _consents(random: Random) -> list[Consent]:
    bases = _drawn(random, ((Basis.OPT_IN, 70), (Basis.DOUBLE_OPT_IN, 22), (Basis.MEMBER, 8)))
    return [
        Consent(basis, random.choice(_FORMS), _OLDEST + timedelta(minutes=random.randrange(_DAYS * 24 * 60)))
        for basis in bases
    ]


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.lower().replace("ł", "l").replace("ø", "o"))
    return "".join(letter for letter in plain if "a" <= letter <= "z")
