"""What a list's columns mean, by their names: those of Action Network, Mailchimp, EveryAction, and common ones.

Names are compared without case, accents, spaces and punctuation: ``E-mail``, ``EMAIL`` and ``e_mail`` are one.
Action Network's reports call their columns ``can2_…``; Mailchimp's audience exports write theirs in capitals
(``OPTIN_TIME``, ``CC``), and its files of people who left or bounced have ``UNSUB_TIME`` and ``CLEAN_TIME``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from campaign.errors import BadInput, Problem

MOST_EXTRA = 40
"""Columns without a meaning of their own that are kept for messages to use."""

_MOST_LISTED = 30
_LONGEST_KEY = 60

# In the order of preference where a list has several columns for one thing.
_NAMES: dict[str, str] = {
    "email": """email emailaddress preferredemail prefemail primaryemail primaryemailaddress emailprimary email1
        emailaddress1 contactemail subscriberemail useremail mail personalemail homeemail workemail otheremail
        correoelectronico correo direcciondecorreoelectronico direcciondecorreo emailaddr""",
    "first_name": "firstname first fname givenname forename nombre nombres primernombre preferredname",
    "last_name": "lastname last lname surname familyname apellido apellidos primerapellido",
    "name": "name fullname nombrecompleto contactname nombreyapellidos nombreyapellido",
    "language": "language lang preferredlanguage languagecode locale can2language idioma lengua",
    "zone": "timezone zone tz timezonename tzname ianatimezone zonahoraria husohorario",
    "country": "countrycode country can2usercountry mailingcountry countryname cc pais codigopais",
    "region": """can2stateabbreviated stateabbreviation statecode region state stateprovince stateorprovince
        can2userstate mailingstate mailingstateprovince province estado provincia comunidad""",
    "postal_code": """postalcode zipcode zip zippostal zippostalcode ziporpostal ziporpostalcode postcode can2zipcode
        mailingzip mailingzippostal mailingzippostalcode zip5 codigopostal""",
    "tags": "tags can2usertags usertags tag labels activistcodes etiquetas",
    "standing": """can2subscriptionstatus emailsubscriptionstatus subscriptionstatus emailstatus emailmarketingstatus
        marketingstatus mailingstatus newsletterstatus estadosuscripcion estadodesuscripcion
        estadodelasuscripcion""",
    "status": "status memberstatus contactstatus",
    "agreed": """emailoptin optedin optin optinemail subscribed issubscribed emailsubscribed subscribedtoemail
        emailpermission marketingoptin newsletter acceptsmarketing acceptsemailmarketing gdprconsent emailconsent
        consent consentimiento suscrito aceptacorreo""",
    "declined": """unsubscribed isunsubscribed emailoptout optedout optout optoutemail unsubscribe donotemail noemail
        nomail emailunsubscribed cleaned bounced emailbounced hardbounced desuscrito baja""",
    "left_at": """unsubtime cleantime unsubscribedat unsubscribetime unsubscribedtime unsubscribedate
        unsubscribeddate dateunsubscribed optoutdate optouttime optoutat bouncedat bouncedate cleanedat
        fechabaja fechadebaja""",
    "basis": "consentbasis basis lawfulbasis legalbasis gdprbasis baselegal baselegitima",
    "source": "consentsource source optinsource signupsource subscriptionsource originalsource origen fuente",
    "consent_text": "consenttext consentstatement consentwording textodelconsentimiento",
    "opted_in_at": """consentat consentdate consenttime optintime optindate optinat optinemaildate subscribedat
        subscribeddate subscribedate subscriptiondate datesubscribed can2subscriptiondate signupdate signedupat
        datesignedup timestampsignup timestampopt emailoptindate fechadesuscripcion fechasuscripcion""",
    "confirmed_at": "confirmtime confirmedat confirmationtime confirmationdate doubleoptinat doubleoptintime",
    "joined_at": """datejoined joindate joinedat joined createdat created datecreated createddate dateadded addedat
        dateacquired contactcreated registrationdate fechadealta fechaalta fechaderegistro fecharegistro""",
    "acted_at": "actedat acted actiontakenat",
    "preference": "campaignpreference",
}
MEANINGS = tuple(_NAMES)
_MEANING = {name: meaning for meaning, names in _NAMES.items() for name in names.split()}
_RANK = {name: rank for names in _NAMES.values() for rank, name in enumerate(names.split())}

# Of no use in a message, and more than we need to know of a person (GDPR article 5: data minimisation).
_LEFT_OUT_NAMES = """optinip confirmip latitude longitude gmtoff dstoff lastchanged leid euid memberrating emailtype
    unsubcampaigntitle unsubcampaignid unsubreason unsubreasonother cleancampaigntitle cleancampaignid
    vanid myvanid yourvanid uuid can2phone phone phonenumber mobilenumber preferredphone cellphone homephone
    can2useraddress streetaddress address address1 address2 addressline1 addressline2 mailingaddress
    birthday birthdate dateofbirth dob age sex gender race ethnicity party"""
_LEFT_OUT = frozenset(_LEFT_OUT_NAMES.split())


@dataclass(frozen=True, slots=True)
class Columns:
    """``places`` are the columns, from 0, for each meaning, best first; ``extra`` those kept under a key."""

    places: dict[str, tuple[int, ...]]
    extra: tuple[tuple[int, str], ...]
    left_out: tuple[str, ...]

    def of(self, meaning: str) -> tuple[int, ...]:
        return self.places.get(meaning, ())


def squashed(name: str) -> str:
    """A column's name without case, accents, spaces and punctuation."""
    plain = unicodedata.normalize("NFKD", name).lower()
    return "".join(letter for letter in plain if letter.isalnum())


def has_email(header: Sequence[str]) -> bool:
    return any(_MEANING.get(squashed(name)) == "email" for name in header)


def recognise(header: Sequence[str], *, file: Path, line: int) -> Columns:
    """What each column means; raises BadInput where none holds e-mail addresses."""
    if not has_email(header):
        raise BadInput([_no_email(header, file, line)])
    places: dict[str, list[int]] = {}
    extra: list[tuple[int, str]] = []
    left_out: list[str] = []
    used: set[str] = set()
    for place, name in enumerate(header):
        plain = squashed(name)
        meaning = _MEANING.get(plain)
        if meaning is not None:
            places.setdefault(meaning, []).append(place)
        elif not plain:
            continue
        elif plain in _LEFT_OUT or len(extra) == MOST_EXTRA:
            left_out.append(name.strip())
        else:
            extra.append((place, _key(name, used)))
    ranked = {
        meaning: tuple(sorted(each, key=lambda place: _RANK[squashed(header[place])]))
        for meaning, each in places.items()
    }
    return Columns(places=ranked, extra=tuple(extra), left_out=tuple(left_out))


def _key(name: str, used: set[str]) -> str:
    """The name by which a message asks for an extra column: ``Favourite colour`` is ``favourite_colour``."""
    stem = re.sub(r"\W+", "_", name.strip().lower()).strip("_")[:_LONGEST_KEY] or "column"
    key, number = stem, 1
    while key in used:
        number += 1
        key = f"{stem}_{number}"
    used.add(key)
    return key


def _no_email(header: Sequence[str], file: Path, line: int) -> Problem:
    found = ", ".join(f'"{name.strip()[:_LONGEST_KEY]}"' for name in header[:_MOST_LISTED])
    if len(header) > _MOST_LISTED:
        found += f" and {len(header) - _MOST_LISTED} more"
    emails = [name for name, meaning in _MEANING.items() if meaning == "email"]
    if any("@" in name for name in header):
        what = "the first line holds an address and no column names"
        remedy = 'put a header above it, such as "email"'
    else:
        what = f"no column holds e-mail addresses; the columns are {found}"
        close = next((name for name in header if get_close_matches(squashed(name), emails, n=1)), None)
        remedy = f'did you mean "email" by "{close.strip()}"? rename it' if close else 'name one of them "email"'
    return Problem(file=str(file), line=line, where="", what=what, remedy=remedy)
