"""Reading lists of supporters as they really come."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from campaign.errors import BadInput
from campaign.files import csv_text
from campaign.files.addresses import Addresses
from campaign.files.csv_cells import guarded, plain, unguarded
from campaign.files.csv_write import RejectsFile, write_header, write_rows
from campaign.files.supporters_csv import Reading, Reject, for_rehearsal, read
from campaign.flow.schedule import zone_names
from campaign.model.supporter import Basis, Consent, NewSupporter

NOW = datetime(2018, 5, 1, tzinfo=UTC)
AGREED = Consent(Basis.MEMBER, "membership form", datetime(2018, 4, 1, tzinfo=UTC))

# Headers as the exports have them.
MAILCHIMP = (
    '"Email Address","First Name","Last Name",Languages,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,'
    "LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS"
)
MAILCHIMP_LEFT = (
    '"Email Address","First Name",MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,'
    "UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS"
)
MAILCHIMP_CLEANED = (
    '"Email Address","First Name",MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,'
    "CLEAN_CAMPAIGN_ID,LEID,EUID,NOTES,TAGS"
)
ACTION_NETWORK = (
    "uuid,first_name,last_name,email,zip_code,can2_user_city,can2_state_abbreviated,can2_phone,can2_user_tags,"
    "can2_subscription_status,can2_subscription_date"
)
EVERYACTION = (
    '"VANID","LastName","FirstName","Preferred Email","City","State/Province","Zip/Postal","Country",'
    '"Email Subscription Status","Date Joined","Activist Codes"'
)


@dataclass
class Read:
    """What came of a file."""

    people: list[NewSupporter]
    rejects: list[Reject] = field(default_factory=list)
    reading: Reading = field(default_factory=Reading)

    @property
    def only(self) -> NewSupporter:
        assert len(self.people) == 1, (self.people, self.rejects)
        return self.people[0]


Reads = Callable[..., Read]


@pytest.fixture
def reads(tmp_path: Path) -> Reads:
    def reads(text: str | bytes, **options: object) -> Read:
        path = tmp_path / "list.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        result = Read([])
        options = {"at": NOW, "consent": AGREED, **options}
        people = read(path, rejects=result.rejects.append, reading=result.reading, **options)  # type: ignore[arg-type]  # a test names what it changes
        result.people.extend(people)
        return result

    return reads


def reasons(result: Read) -> list[tuple[int, str]]:
    return [(reject.line, reject.reason) for reject in result.rejects]


# --- encodings and dividers ---


@pytest.mark.parametrize(
    "encoded",
    [
        "email,nombre\njose@example.org,José Núñez\n".encode(),
        "email,nombre\njose@example.org,José Núñez\n".encode("utf-8-sig"),
        "email,nombre\njose@example.org,José Núñez\n".encode("latin-1"),
        codecs.BOM_UTF16_LE + "email,nombre\njose@example.org,José Núñez\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "email,nombre\njose@example.org,José Núñez\n".encode("utf-16-be"),
        codecs.BOM_UTF32_LE + "email,nombre\njose@example.org,José Núñez\n".encode("utf-32-le"),
        "email;nombre\r\njose@example.org;José Núñez\r\n".encode(),
        "sep=;\nemail;nombre\njose@example.org;José Núñez\n".encode(),
        "email\tnombre\rjose@example.org\tJosé Núñez\r".encode(),
        'email|nombre\n"jose@example.org"|"José Núñez"'.encode(),
        "\n\n email , nombre \n jose@example.org , José  Núñez \n".encode(),
    ],
)
def test_every_usual_encoding_and_divider_gives_the_same_person(reads: Reads, encoded: bytes) -> None:
    person = reads(encoded).only
    assert (person.email, person.first_name) == ("jose@example.org", "José Núñez")


def test_windows_1252_is_read_and_said(reads: Reads) -> None:
    result = reads(b"email,name\na@example.org,Se\xe1n O\x92Brien\n")
    assert (result.only.first_name, result.only.last_name) == ("Se\u00e1n", "O\u2019Brien")
    assert list(result.reading.warnings) == ["characters that are not UTF-8, read as Windows-1252"]


def test_a_file_glued_together_from_two_encodings_comes_out_right(reads: Reads) -> None:
    both = "email,first name\na@example.org,Zoë\n".encode() + "b@example.org,José\n".encode("latin-1")
    assert [person.first_name for person in reads(both).people] == ["Zoë", "José"]


def test_utf_8_is_recognised_where_a_letter_lies_across_two_blocks(reads: Reads) -> None:
    filler = "".join(f"p{number}@example.org,é{'x' * 60}\n" for number in range(9_000))
    result = reads("email,first_name\n" + filler)
    assert not result.reading.warnings
    assert len(result.people) == 9_000


# --- exports ---


def test_a_mailchimp_export_is_understood(reads: Reads) -> None:
    row = (
        'mara@example.org,Mara,Okafor,"Español",4,"2017-03-14 09:12:31",192.0.2.1,"2017-03-14 09:14:00",192.0.2.1,'
        '41.8,-87.6,-6,-5,America/Chicago,US,IL,"2018-01-01 00:00:00",1,a1b2,"met in May",'
        '"""Donor"",""Book club, North"""'
    )
    result = reads(f"{MAILCHIMP}\n{row}\n", consent=None)
    person = result.only
    assert (person.first_name, person.last_name) == ("Mara", "Okafor")
    assert (person.zone, person.country, person.region) == ("America/Chicago", "US", "IL")
    assert person.tags == ("Donor", "Book club, North")
    assert person.consent == Consent(
        Basis.DOUBLE_OPT_IN, "import of list.csv", datetime(2017, 3, 14, 9, 14, tzinfo=UTC)
    )
    assert dict(person.extra) == {"languages": "Español", "notes": "met in May"}


def test_a_confirmation_without_an_opt_in_is_no_consent_of_its_own(reads: Reads) -> None:
    """Mailchimp fills CONFIRM_TIME for people whom somebody else entered."""
    text = 'Email,OPTIN_TIME,CONFIRM_TIME\na@example.org,,"2017-03-14 09:14:00"\n'
    assert reads(text, consent=None).only.consent is None
    dated = reads(text).only.consent
    assert dated is not None
    assert (dated.basis, dated.at) == (Basis.MEMBER, datetime(2017, 3, 14, 9, 14, tzinfo=UTC))


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (MAILCHIMP_LEFT, "a@example.org,A,2,,2016-01-02 10:00:00,2017-02-03 11:00:00,News,1,NORMAL,,1,x,,"),
        (MAILCHIMP_CLEANED, "a@example.org,A,2,,2016-01-02 10:00:00,2017-02-03 11:00:00,News,1,1,x,,"),
        ("email,Unsubscribed", "a@example.org,yes"),
        ("email,unsubscribed", "a@example.org,2017-02-03"),
        ("email,Email Opt-In", "a@example.org,No"),
        ("email,Email Opt Out", "a@example.org,TRUE"),
        ("email,can2_subscription_status", "a@example.org,unsubscribed"),
        ("email,can2_subscription_status", "a@example.org,spam complaint"),
        ("email,Status", "a@example.org,Cleaned"),
        ("email,subscribed,status", "a@example.org,yes,Bounced"),
        ("email,Estado de suscripción", "a@example.org,Dado de baja"),
    ],
)
def test_whoever_left_or_bounced_is_unsubscribed(reads: Reads, header: str, row: str) -> None:
    result = reads(f"{header}\n{row}\n")
    assert result.only.unsubscribed
    assert result.reading.unsubscribed == 1


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("email,Unsubscribed", "a@example.org,no"),
        ("email,unsubscribed", "a@example.org,"),
        ("email,Email Opt-In", "a@example.org,Yes"),
        ("email,can2_subscription_status", "a@example.org,subscribed"),
        ("email,status", "a@example.org,Lead"),
        ("email,UNSUB_TIME", "a@example.org,"),
    ],
)
def test_whoever_did_not_leave_is_not_unsubscribed(reads: Reads, header: str, row: str) -> None:
    person = reads(f"{header}\n{row}\n").only
    assert not person.unsubscribed
    assert person.consent is not None


def test_an_action_network_report_is_understood(reads: Reads) -> None:
    rows = (
        'u-1,Mara,Okafor,mara@example.org,02139,Cambridge,MA,5550100,"petition, Phone_Bank",subscribed,2017-06-01\n'
        "u-2,Ben,Ito,ben@example.org,60601,Chicago,IL,,,unsubscribed,2016-06-01\n"
        "u-3,Cy,Ito,cy@example.org,60601,Chicago,IL,,,not subscribed,\n"
    )
    result = reads(f"{ACTION_NETWORK}\n{rows}")
    mara, ben, cy = result.people
    assert (mara.postal_code, mara.region, mara.tags) == ("02139", "MA", ("petition", "Phone_Bank"))
    assert mara.consent == Consent(Basis.OPT_IN, "membership form", datetime(2017, 6, 1, tzinfo=UTC))
    assert dict(mara.extra) == {"can2_user_city": "Cambridge"}
    assert ben.unsubscribed
    assert (cy.unsubscribed, cy.consent) == (False, None)


def test_an_everyaction_export_is_understood(reads: Reads) -> None:
    row = (
        "100,Okafor,Mara,mara@example.org,Boston,Massachusetts,2139,United States,Subscribed,5/1/2017,Donor | Volunteer"
    )
    person = reads(f"{EVERYACTION}\n{row}\n", consent=None).only
    assert (person.first_name, person.last_name) == ("Mara", "Okafor")
    assert (person.region, person.postal_code, person.country) == ("MA", "02139", "US")
    assert person.tags == ("Donor", "Volunteer")
    assert person.consent == Consent(Basis.OPT_IN, "import of list.csv", datetime(2017, 5, 1, tzinfo=UTC))


def test_a_spanish_list_is_understood(reads: Reads) -> None:
    text = (
        "Correo electrónico;Nombre;Apellidos;Código postal;País;Idioma;Etiquetas;Fecha de alta\n"
        "ines@example.org;Inés;Ibáñez León;28001;España;Español;socias, prensa;31/12/2017\n"
    )
    person = reads(text).only
    assert (person.first_name, person.last_name, person.language) == ("Inés", "Ibáñez León", "es")
    assert (person.country, person.postal_code, person.tags) == ("ES", "28001", ("socias", "prensa"))
    assert person.consent is not None
    assert person.consent.at == datetime(2017, 12, 31, tzinfo=UTC)


def test_columns_come_in_any_order_and_case(reads: Reads) -> None:
    person = reads("LAST NAME,zip,E-MAIL,FIRST NAME\nOkafor,60601,mara@example.org,Mara\n").only
    assert (person.email, person.first_name, person.last_name) == ("mara@example.org", "Mara", "Okafor")


def test_the_best_of_several_address_columns_wins_and_an_empty_one_gives_way(reads: Reads) -> None:
    text = "Other Email,Email\nother@example.org,main@example.org\nonly@example.org,\n"
    assert [person.email for person in reads(text).people] == ["main@example.org", "only@example.org"]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("Mara Okafor", "Mara", "Okafor"), ("Okafor, Mara", "Mara", "Okafor"), ("Mara", "Mara", ""), ("", "", "")],
)
def test_a_whole_name_is_divided(reads: Reads, name: str, first: str, last: str) -> None:
    person = reads(f'email,name\na@example.org,"{name}"\n').only
    assert (person.first_name, person.last_name) == (first, last)


# --- consent ---


def test_a_row_without_consent_gets_the_one_for_everybody_and_else_none(reads: Reads) -> None:
    text = "email\na@example.org\n"
    assert reads(text).only.consent == AGREED
    result = reads(text, consent=None)
    assert result.only.consent is None
    assert result.reading.without_consent == 1


def test_a_row_s_own_consent_goes_before_the_one_for_everybody(reads: Reads) -> None:
    text = (
        "email,consent basis,consent source,consent date,consent text\n"
        "a@example.org,double opt-in,spring form,2017-04-05T06:07:08+02:00,Write to me\n"
        "b@example.org,none,,,\n"
        "c@example.org,whatever,,,\n"
    )
    a, b, c = reads(text).people
    at = datetime(2017, 4, 5, 4, 7, 8, tzinfo=UTC)
    assert a.consent == Consent(Basis.DOUBLE_OPT_IN, "spring form", at, "Write to me")
    assert b.consent is not None
    assert b.consent.basis is Basis.NONE
    assert c.consent is None


def test_a_status_that_nobody_understands_is_taken_for_no_consent_and_counted(reads: Reads) -> None:
    result = reads("email,subscription status\na@example.org,blorp\nb@example.org,blorp\n")
    assert [person.consent for person in result.people] == [None, None]
    assert result.reading.warnings == {"subscription statuses that are not known, taken for no consent": 2}


@pytest.mark.parametrize(
    ("written", "day_first", "date"),
    [
        ("2017-03-04", False, (2017, 3, 4)),
        ("2017-03-04T23:00:00-05:00", False, (2017, 3, 5, 4)),
        ("3/4/2017", False, (2017, 3, 4)),
        ("3/4/2017", True, (2017, 4, 3)),
        ("31/12/2017", False, (2017, 12, 31)),
        ("12/31/2017", True, (2017, 12, 31)),
        ("3.4.2017", False, (2017, 4, 3)),
        ("3/4/17 1:05 PM", False, (2017, 3, 4, 13, 5)),
        ("3/4/2017 12:05 AM", False, (2017, 3, 4, 0, 5)),
        ("Mar 4, 2017", False, (2017, 3, 4)),
        ("4 March 2017", False, (2017, 3, 4)),
    ],
)
def test_dates_are_read_as_they_are_written(
    reads: Reads, written: str, *, day_first: bool, date: tuple[int, ...]
) -> None:
    consent = reads(f'email,consent date\na@example.org,"{written}"\n', day_first=day_first).only.consent
    assert consent is not None
    assert consent.at == datetime(*date, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year, month, day and more


@pytest.mark.parametrize(
    "written", ["soon", "13/13/2017", "0001-01-01", "1900-01-00", "2019-01-01", "1970-01-01", "9" * 400]
)
def test_a_date_that_cannot_be_true_is_left_out_and_counted(reads: Reads, written: str) -> None:
    result = reads(f"email,acted_at\na@example.org,{written}\n")
    assert result.only.acted_at is None
    assert result.reading.warnings == {"dates that cannot be read, or cannot be true": 1}


def test_a_rehearsal_takes_silent_rows_for_members_and_leaves_every_other_row_its_word(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        "email,status,consent basis\nsilent@example.org,,\nno@example.org,not subscribed,\nnone@example.org,,none\n"
        "yes@example.org,,double-opt-in\nleft@example.org,unsubscribed,\nno address,,\nsilent@example.org,,\n"
    )
    people = {person.email.split("@")[0]: person for person in for_rehearsal(path)}
    found = {name: person.consent and (person.consent.basis, person.unsubscribed) for name, person in people.items()}
    silent = people["silent"].consent
    assert silent is not None
    assert (silent.basis, silent.source) == (Basis.MEMBER, "rehearsal")
    assert people["left"].unsubscribed
    assert found["yes"] == (Basis.DOUBLE_OPT_IN, False)
    assert found["no"] is None
    assert found["none"] == (Basis.NONE, False)
    assert len(found) == 5


def test_a_rehearsals_list_without_a_word_of_consent_reaches_everybody(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("email,first_name\na@example.org,A\nb@example.org,B\n")
    assert [person.consent and person.consent.basis for person in for_rehearsal(path)] == [Basis.MEMBER] * 2


def test_a_rehearsals_list_that_is_not_there_is_told_as_any_other(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"list\.csv"):
        for_rehearsal(tmp_path / "list.csv")


# --- values ---


def test_bad_values_are_left_out_and_counted_and_the_person_stays(reads: Reads) -> None:
    text = (
        "email,language,time zone,country,tags\n"
        f"a@example.org,en-US,america/new_york,united kingdom,{'x' * 65}\n"
        "b@example.org,!!,Mars/Olympus,Atlantis,ok\n"
        "c@example.org,Spanish,Eastern Time (US & Canada),usa,ok\n"
    )
    result = reads(text)
    assert [(p.language, p.zone, p.country, p.tags) for p in result.people] == [
        ("en", "America/New_York", "GB", ()),
        ("", "", "", ("ok",)),
        ("es", "America/New_York", "US", ("ok",)),
    ]
    assert result.reading.warnings == {
        "languages that are no language": 1,
        "time zones that do not exist": 1,
        "countries that ISO 3166 does not know": 1,
        "tags over 64 characters, or over 50 in a row": 1,
    }


@pytest.mark.parametrize("zone", ["../../etc/passwd", "/etc/passwd", "America", "posixrules\0", "x" * 300])
def test_no_time_zone_is_read_from_outside_the_database_of_zones(reads: Reads, zone: str) -> None:
    assert reads(f"email,tz\na@example.org,{zone}\n".replace("\0", "")).only.zone == ""


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("posix/America/New_York", "America/New_York"),
        ("posix/us/eastern", "US/Eastern"),
        ("right/America/New_York", ""),
        ("posix/Factory", ""),
        ("localtime", ""),
        ("Factory", ""),
        ("posixrules", ""),
    ],
)
def test_a_zone_that_no_wave_by_local_time_serves_is_left_out_and_counted(
    reads: Reads, written: str, zone: str
) -> None:
    result = reads(f"email,tz\na@example.org,{written}\n")
    assert result.only.zone == zone
    assert result.reading.warnings == ({} if zone else {"time zones that do not exist": 1})


def test_what_forms_call_a_zone_is_one_that_waves_by_local_time_serve(reads: Reads) -> None:
    names = ["Eastern Time (US & Canada)", "central", "MST", "mountain", "Arizona", "PDT", "alaska", "Hawaii"]
    rows = "".join(f"p{number}@example.org,{name}\n" for number, name in enumerate(names))
    assert {person.zone for person in reads(f"email,tz\n{rows}").people} <= zone_names()


def test_everybody_gets_the_tags_and_the_language_asked_for(reads: Reads) -> None:
    text = "email,language,tags\na@example.org,,one\nb@example.org,es,two\n"
    a, b = reads(text, tags=["spring", "one"], default_language="en").people
    assert (a.language, a.tags) == ("en", ("one", "spring"))
    assert (b.language, b.tags) == ("es", ("two", "spring", "one"))


def test_unknown_columns_are_kept_under_a_name_that_a_message_can_use(reads: Reads) -> None:
    text = "email,Favourite colour,Favourite-Colour,#\na@example.org, deep  red ,blue,7\n"
    assert dict(reads(text).only.extra) == {"favourite_colour": "deep red", "favourite_colour_2": "blue"}


def test_extra_is_bounded_in_columns_and_length(reads: Reads) -> None:
    header = ",".join(f"c{number}" for number in range(60))
    cells = ",".join(["y" * 501] * 60)
    person = reads(f"email,{header}\na@example.org,{cells}\n").only
    assert len(person.extra) == 40
    assert {len(value) for value in person.extra.values()} == {500}


def test_control_characters_and_line_breaks_never_get_into_a_name(reads: Reads) -> None:
    person = reads('email,first_name,last_name\na@example.org,"Mara\r\nBcc: x",\x1b[31mO\u2028kafor\n').only
    assert (person.first_name, person.last_name) == ("Mara Bcc: x", "[31mO kafor")


# --- rows that are set aside ---


def test_rows_that_cannot_be_used_are_set_aside_with_their_line_and_reason(reads: Reads) -> None:
    text = (
        "email,first_name\n"  # 1
        "a@example.org,A\n"
        "no address,B\n"
        ",C\n"
        '"d@example.org","two\nlines"\n'  # 5 and 6
        "e@example.org\n"  # 7
        "f@example.org,F,G\n"
        "g@example.org,G,,\n"
        "A@EXAMPLE.org,again\n"  # 10
        f"h@example.org,{'x' * 201}\n"
        "\n"
        " , \n"
        "i@@example.org,I\n"  # 14
        "j@localhost,J\n"
        "z@example.org,Z"
    )
    result = reads(text)
    assert [person.email[0] for person in result.people] == ["a", "d", "g", "z"]
    found = dict(reasons(result))
    assert list(found) == [3, 4, 7, 8, 10, 11, 13, 14, 15]
    assert found[4] == "there is no address"
    assert found[7] == "has 1 cell where the header has 2"
    assert found[8] == "has 3 cells where the header has 2"
    assert found[10] == "the same address came in an earlier line"
    assert found[11] == "a name has 201 characters; the most is 200"
    assert (result.reading.read, result.reading.rejected, result.reading.duplicates) == (13, 8, 1)
    assert result.rejects[0].text == "no address,B"


def test_an_unclosed_quotation_mark_costs_its_own_row_and_no_other(reads: Reads) -> None:
    rows = [f"p{number}@example.org,P\n" for number in range(400)]
    rows[100] = 'broken@example.org,"never closed\n'
    result = reads("email,first_name\n" + "".join(rows))
    assert len(result.people) == 399
    ((line, reason),) = reasons(result)
    assert line == 102
    assert "quotation mark" in reason


def test_an_unclosed_quotation_mark_that_meets_another_costs_only_its_row(reads: Reads) -> None:
    text = 'email,first_name\na@example.org,"A\nb@example.org,"B"\nc@example.org,C\n'
    result = reads(text)
    assert [person.email for person in result.people] == ["b@example.org", "c@example.org"]
    assert [line for line, _ in reasons(result)] == [2]


def test_careless_quoting_on_one_line_is_understood(reads: Reads) -> None:
    assert reads('email,first_name\na@example.org,"Mara" Ngozi\n').only.first_name == "Mara Ngozi"


def test_a_line_without_end_is_set_aside_and_reading_goes_on(reads: Reads) -> None:
    text = f"email,first_name\na@example.org,{'x' * 900_000}\nb@example.org,B\n"
    result = reads(text)
    assert result.only.email == "b@example.org"
    assert reasons(result) == [(2, "is longer than 200,000 characters")]


def test_a_second_row_of_one_address_is_given_on_where_it_says_that_the_person_left(reads: Reads) -> None:
    text = "email,unsubscribed\na@example.org,\na@example.org,\na@example.org,yes\n"
    result = reads(text)
    assert [person.unsubscribed for person in result.people] == [False, True]
    assert result.reading.duplicates == 2


# --- addresses ---


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Mara.Okafor+x@Example.ORG", "Mara.Okafor+x@example.org"),
        ("  mara@example.org ", "mara@example.org"),
        ("mailto:mara@example.org", "mara@example.org"),
        ("<mara@example.org>;", "mara@example.org"),
        ("INFO@example.org", "info@example.org"),
        ("ana@xn--bcher-kva.example", "ana@bücher.example"),
        ("ana@BÜCHER.example", "ana@bücher.example"),
        ("josé@example.org", "josé@example.org"),
        ("o'brien@mail.example.net", "o'brien@mail.example.net"),
        ("'+tag@example.org", "+tag@example.org"),
    ],
)
def test_addresses_are_normalised(written: str, normal: str) -> None:
    assert Addresses().normalised(written) == normal


@pytest.mark.parametrize(
    "written",
    [
        "", "mara", "mara@", "@example.org", "mara@example", "mara@localhost", "mara@host.test", "mara@x.invalid",
        "mara@printer.local", "a..b@example.org", ".a@example.org", "a@-example.org", "a@exa_mple.org",
        "a b@example.org", "mara@example.org, ben@example.org", f"{'x' * 250}@example.org", "a@example.org\nb",
        "x" * 5_000, "a@ab--cd.org",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_reason(written: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        Addresses().normalised(written)


LOCAL = st.text("abcXYZ019_+-.!'é\"", min_size=0, max_size=70) | st.sampled_from(["info", "ABUSE", "News", "a" * 250])
DOMAIN = st.text("abcXY09.-_ü", min_size=0, max_size=12) | st.sampled_from(
    [
        "example.org",
        "EXAMPLE.com",
        "xn--bcher-kva.example",
        "xn--a.org",
        "x.test",
        "a.localhost",
        "ab--c.org",
        "1.2.3.4",
    ]
)


@given(local=LOCAL, domain=DOMAIN)
@example(local="a" * 242, domain="example.org")
@example(local="a" * 243, domain="example.org")
@settings(max_examples=400)
def test_the_fast_way_gives_what_the_library_gives(local: str, domain: str) -> None:
    assume(not re.match(r"'[=+\-]", local))  # our own guard, which comes off
    written = f"{local}@{domain}"
    addresses = Addresses()
    try:
        expected = validate_email(written, check_deliverability=False).normalized
    except EmailNotValidError:
        for _ in range(2):
            with pytest.raises(ValueError, match=r"\w"):
                addresses.normalised(written)
    else:
        assert [addresses.normalised(written) for _ in range(2)] == [expected, expected]


# --- files that cannot be used ---


def refused(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        read(path, rejects=print, at=NOW)
    (problem,) = caught.value.problems
    assert problem.file == str(path)
    return str(problem)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"PK\x03\x04rest", "workbook"),
        (b"\xd0\xcf\x11\xe0rest", "old Excel workbook"),
        (b"\x1f\x8brest", "gzip"),
        (b"%PDF-1.7", "PDF"),
        (b"email\na@\x00example.org\n", "NUL bytes"),
        ("email\na@example.org\n".encode("utf-16-le"), "NUL bytes"),
        (b"\xff\xfee\x00m\x00a\x00i\x00l\x00\x00\xd8\x00\xd8", "UTF-16"),
        (b"first,last\nA,B\n", 'no column holds e-mail addresses; the columns are "first", "last"'),
        (b"first,emial adress\nA,B\n", 'did you mean "email" by "emial adress"'),
        (b"a@example.org,A\nb@example.org,B\n", "the first line holds an address and no column names"),
        (b"email," + b",".join(b"c%d" % n for n in range(600)), "601 columns"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_what_to_do(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    assert says in refused(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in refused(tmp_path)
    assert "is not there" in refused(tmp_path / "none.csv")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "no regular file" in refused(pipe)


def test_a_file_over_four_gibibytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vast.csv"
    path.write_bytes(b"email\n")
    os.truncate(path, csv_text.MOST_BYTES + 1)  # a hole: it takes no room
    assert "the most is 4" in refused(path)


@pytest.mark.parametrize("tail", [b"b\0@example.org\n", b"b@example.org\n\0"])
def test_a_file_that_turns_out_to_be_no_text_stops_the_reading_with_its_line(reads: Reads, tail: bytes) -> None:
    rows = b"".join(b"p%d@example.org\n" % number for number in range(20_000))
    with pytest.raises(BadInput, match=r"list\.csv:\d+: holds NUL bytes"):
        reads(b"email\n" + rows + tail)


def test_utf_16_that_breaks_off_stops_the_reading(reads: Reads) -> None:
    rows = "".join(f"p{number}@example.org\n" for number in range(9_000))
    with pytest.raises(BadInput, match="not UTF-16"):
        reads(codecs.BOM_UTF16_LE + ("email\n" + rows).encode("utf-16-le") + b"\x00\xd8x")


def test_progress_is_told_the_bytes_read(reads: Reads) -> None:
    seen: list[int] = []
    text = "email\n" + "".join(f"p{number}@example.org\n" for number in range(30_000))
    reads(text, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(text)
    assert len(seen) > 2


@given(content=st.binary(max_size=400))
@example(content=b'email,"')
@example(content=b'email\n"\n"\n"a@example.org')
@example(content=b"sep=\nemail")
@example(content=b"sep=e\nemail")
@example(content=b'sep="\nemail')
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_bytes_are_read_or_refused_and_never_break_the_reader(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.csv"
    for head in (b"", b"email,x\n", codecs.BOM_UTF16_LE):
        path.write_bytes(head + content)
        reading = Reading()
        rejects: list[Reject] = []
        try:
            people = list(read(path, rejects=rejects.append, at=NOW, reading=reading))
        except BadInput:
            continue
        assert reading.read == len(people) + len(rejects)
        assert len(rejects) == reading.rejected + reading.duplicates


# --- writing ---


def test_what_is_written_is_read_back(reads: Reads, tmp_path: Path) -> None:
    person = NewSupporter(
        email="+mara@example.org",
        first_name="=1+1",
        last_name="Okafor-Núñez",
        language="en",
        zone="America/Chicago",
        country="US",
        region="IL",
        postal_code="60601",
        tags=("@home", "Book club, North"),
        consent=Consent(Basis.DOUBLE_OPT_IN, "-form", datetime(2017, 1, 2, 3, 4, tzinfo=UTC), 'I agree, "truly"'),
        acted_at=datetime(2018, 1, 2, tzinfo=UTC),
        unsubscribed=True,
        extra={"chapter": "@North"},
        preference="only:lenses",
    )
    path = tmp_path / "out.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        write_header(out, extra=["chapter"])
        write_rows(out, [(person, True, person.preference)], extra=["chapter"])
    written = path.read_text(encoding="utf-8")
    assert "'=1+1" in written
    assert "'+mara@" in written
    assert reads(written).only == person


@pytest.mark.parametrize(
    ("cell", "read", "warned"),
    [
        ("less-often", "less-often", 0),
        ("only:lenses", "only:lenses", 0),
        ("", "", 0),
        ("weekly", "", 1),
        ("only:", "", 1),
    ],
)
def test_what_somebody_asked_for_is_read_where_it_is_understood(
    reads: Reads, cell: str, read: str, warned: int
) -> None:
    taken = reads(f"email,campaign_preference\nmara@example.org,{cell}\nother@example.org,\n")
    assert [person.preference for person in taken.people] == [read, ""]
    assert taken.reading.warnings["preferences that are not understood"] == warned


@given(text=st.text(max_size=20))
def test_no_cell_that_goes_out_is_a_formula_and_each_comes_back(text: str) -> None:
    cell = guarded(plain(text))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguarded(cell) == unguarded(plain(text))


def test_the_rejects_file_is_made_when_needed_and_for_its_owner_alone(tmp_path: Path) -> None:
    with RejectsFile(tmp_path / "list.csv") as rejects:
        assert rejects.path == tmp_path / "list.rejects.csv"
        assert not rejects.path.exists()
        rejects.add(Reject(3, "there is no address", '=cmd,"x"'))
    assert rejects.path.read_text() == 'line,reason,row\n3,there is no address,"\'=cmd,""x"""\n'
    assert stat.S_IMODE(rejects.path.stat().st_mode) == 0o600
