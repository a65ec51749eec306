"""Letters of every shape are read into one model, and a file that is none is told what it lacks."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from campaign.errors import BadInput
from campaign.files.letter import read, read_text
from campaign.model.letter import Letter

SIGNED = "\n\nSincerely,\n\nFriends of the Example\n"
BODY = "\n\nDear Ms. Doe,\n\nThe night train must stay.\n\nSincerely,\n\n"


@pytest.fixture(scope="module")
def original(shared: Path) -> Letter:
    return read(shared / "letter.txt")


@pytest.fixture(scope="module")
def letters(root: Path) -> Path:
    return root / "tests" / "letters"


def problems_of(text: str) -> list[tuple[int, str]]:
    with pytest.raises(BadInput) as caught:
        read_text(text, source="letter.txt")
    assert all(problem.remedy for problem in caught.value.problems)
    return [(problem.line, problem.what) for problem in caught.value.problems]


def with_head(head: str) -> Letter:
    return read_text(head + BODY + "Friends of the Example", source="letter.txt")


def with_signatures(signed: str) -> list[tuple[str, str, str]]:
    letter = read_text("Dear Ms. Doe,\n\nThe night train must stay.\n\nSincerely,\n\n" + signed, source="letter.txt")
    return [(one.name, one.title, one.organisation) for one in letter.signatories]


def with_body(body: str) -> Letter:
    return read_text("Dear Ms. Doe,\n\n" + body + SIGNED, source="letter.txt")


class TestTheOriginal:
    """The coalition's letter to Amazon. Its text is input and stands nowhere here, but for a few words."""

    def test_says_when_and_to_whom_it_was_written(self, original: Letter) -> None:
        assert original.date == date(2018, 5, 22)
        (addressee,) = original.addressees
        assert addressee == original.addressee
        assert (addressee.name, addressee.role) == ("Jeffrey P. Bezos", "Founder and Chief Executive Officer")
        assert (addressee.organisation, addressee.place) == ("Amazon.com, Inc.", "Seattle, WA")
        assert (original.salutation, original.closing) == ("Dear Mr. Bezos,", "Sincerely,")
        assert not original.restated

    def test_has_seven_paragraphs_whose_wrapped_lines_are_joined(self, original: Letter) -> None:
        assert [paragraph.line for paragraph in original.paragraphs] == [10, 16, 23, 29, 35, 43, 51]
        assert len(original.sentences) == 28
        assert not re.search(r"\s\s|\n|- |\s—", original.text)
        assert "customer-centric" in original.text
        assert "governments—such as" in original.text

    def test_has_the_notes_one_to_eight_apart_from_its_prose(self, original: Letter) -> None:
        assert [note.number for note in original.notes] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert [note.line for note in original.notes] == [17, 17, 18, 24, 25, 27, 32, 44]
        assert not re.search(r"\d", original.text)
        assert original.sentences[4].notes == (1,)
        assert original.sentences[4].text.endswith("customer trust.”")
        assert original.sentences[5].text.startswith("In the past")

    def test_demands_that_amazon_stop(self, original: Letter) -> None:
        first, second = original.demands
        assert first.line == 12
        assert first.text.startswith("We demand that Amazon stop powering a government surveillance")
        assert second.line == 53
        assert second.text.startswith("Amazon must act")

    def test_states_two_figures_and_quotes_six_times(self, original: Letter) -> None:
        assert [(figure.text, figure.line) for figure in original.figures] == [("tens of millions", 24), ("three", 44)]
        assert all(figure.text in figure.sentence for figure in original.figures)
        assert [quotation.line for quotation in original.quotations] == [16, 24, 24, 25, 26, 29]
        assert original.quotations[1].text == "person tracking"

    def test_is_signed_by_forty_one_organisations_spelled_as_they_signed(self, original: Letter, shared: Path) -> None:
        lines = (shared / "letter.txt").read_text(encoding="utf-8").split("Sincerely,")[1].splitlines()
        assert [one.name for one in original.signatories] == [line.strip() for line in lines if line.strip()]
        assert len(original.signatories) == 41
        assert not any(one.title or one.organisation for one in original.signatories)
        names = {one.name for one in original.signatories}
        assert {"Restore the Fourth, Inc.", "Legacy of Equality, Leadership, and Organizing (LELO)"} <= names
        assert "Charles Hamilton Houston Institute - Harvard Law School" in names
        assert "National Lawyers Guild – Massachusetts Chapter" in names  # noqa: RUF001 -- as signed

    def test_is_the_same_for_a_program(self, original: Letter) -> None:
        plain = original.as_json()
        assert plain["date"] == "2018-05-22"
        assert plain["paragraphs"][0]["sentences"][0]["line"] == 10
        assert len(plain["signatories"]) == 41


class TestTheRestatement:
    """messages/letter.md says the same in our own words."""

    def test_has_the_facts_of_the_original(self, original: Letter, root: Path) -> None:
        ours = read(root / "messages" / "letter.md")
        assert ours.restated
        assert ours.title
        assert ours.date == original.date
        one, other = ours.addressee, original.addressee
        assert (one.name, one.role, one.organisation, one.place) == (
            other.name,
            other.role,
            other.organisation,
            other.place,
        )
        assert [signed.name for signed in ours.signatories] == [signed.name for signed in original.signatories]
        assert {figure.text for figure in original.figures} <= {figure.text for figure in ours.figures}
        assert len(ours.demands) == len(original.demands)

    def test_has_none_of_its_sentences_and_no_quotation(self, original: Letter, root: Path) -> None:
        ours = read(root / "messages" / "letter.md")
        assert not ours.quotations
        assert not runs(ours.text) & runs(original.text)


def runs(text: str, length: int = 6) -> set[tuple[str, ...]]:
    """Every run of ``length`` words."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


class TestOtherShapes:
    def test_several_addressees_below_a_letterhead(self, letters: Path) -> None:
        letter = read(letters / "several_addressees.txt")
        assert letter.date == date(2018, 5, 22)
        assert [(one.name, one.role, one.organisation, one.place, one.line) for one in letter.addressees] == [
            ("Dr. Maria Gonzalez", "Chair of the Board", "Exampleton Public Libraries", "Exampleton, MA 01234", 7),
            ("Mr. Tomas O. Lindqvist, Jr.", "Chief Executive Officer", "Shelfwise, Inc.", "Springfield, VT", 12),
        ]

    def test_indented_paragraphs_and_printed_notes(self, letters: Path) -> None:
        letter = read(letters / "several_addressees.txt")
        assert [paragraph.line for paragraph in letter.paragraphs] == [21, 25]
        assert [note.text for note in letter.notes] == [
            'Shelfwise, "Counting made simple", brochure, page 4.',
            "Contract 18-0042, section 3.",
        ]
        assert [figure.text for figure in letter.figures] == ["12", "19", "$1.2 million", "40 percent"]
        assert letter.text.count("J. K. Abara of our coalition") == 1

    def test_names_with_titles_and_organisations_in_blocks(self, letters: Path) -> None:
        letter = read(letters / "several_addressees.txt")
        assert [(one.name, one.title, one.organisation, one.line) for one in letter.signatories] == [
            ("Jane Q. Doe", "Executive Director", "Readers' Alliance of Exampleton", 30),
            ("Prof. Ade Okonkwo", "Chair", "Privacy Committee, University of Springfield", 34),
            ("Lucía Fernández", "Head Librarian (retired)", "", 38),
        ]

    def test_names_and_titles_in_two_lines_without_blank_ones(self, letters: Path) -> None:
        letter = read(letters / "people_with_titles.txt")
        assert letter.date == date(2018, 5, 22)
        assert [(one.name, one.role) for one in letter.addressees] == [
            ("Hon. Priya Raman", "Minister of Transport"),
            ("Hon. Karl Weiss", "Minister of Finance"),
        ]
        assert [(one.name, one.title, one.organisation) for one in letter.signatories] == [
            ("Ana Brandt", "President", "Passengers' Council"),
            ("Dmitri Volkov", "Secretary General of the Railway Workers' Union", ""),
            ("Prof. Ellen Achterberg", "Chair", "Institute for Mobility, University of Exampleton"),
        ]

    def test_markdown_with_numbered_demands_and_footnotes(self, letters: Path) -> None:
        letter = read(letters / "numbered_demands.md")
        assert letter.title == "Let the valley drink: an open letter"
        assert letter.date == date(2019, 3, 7)
        assert [(one.number, one.line, one.text.split()[0]) for one in letter.demands] == [
            (1, 21, "Stop"),
            (2, 23, "Publish"),
            (3, 24, "Pay"),
        ]
        assert letter.demands[0].text.endswith("as the court advised in 2017.")
        assert [(note.number, note.line) for note in letter.notes] == [(1, 13), (2, 14)]
        assert letter.notes[0].text == "Readings of the valley's wells, published by the town in 2018."
        assert [one.text for one in letter.quotations] == ["a coincidence of weather", "there is no coincidence here"]
        assert [one.name for one in letter.signatories][1:3] == ["Friends of the Spring, Exampleton", "50 Wells"]
        assert "*" not in letter.text
        assert "[" not in letter.text

    def test_no_date_and_signatories_divided_by_commas(self, letters: Path) -> None:
        letter = read(letters / "comma_separated.txt")
        assert letter.date is None
        assert letter.as_json()["date"] is None
        assert letter.addressee.name == "the Members of the Harbour Commission"
        assert [(one.name, one.line) for one in letter.signatories] == [
            ("Friends of the Night Sky", 9),
            ("Harbour Birds Trust", 9),
            ("Bird Rescue Exampleton", 9),
            ("Restful Nights, Inc.", 9),
            ("Society for Quiet Water (SQW)", 9),
            ("the Exampleton Sailing Club", 10),
            ("Sailors' Wives and Widows", 10),
        ]

    def test_one_person_a_line_with_title_and_organisation(self, letters: Path) -> None:
        letter = read(letters / "one_line_people.txt")
        assert [(one.name, one.title, one.organisation) for one in letter.signatories] == [
            ("Dr. Ruth Feldman", "Chief of Paediatrics", "Exampleton General Hospital"),
            ("Dr. Samir Haddad", "Professor of Medicine", "University of Springfield"),
            ("Olu Adeyemi", "nurse", ""),
            ("Grace Lim", "Director", "Clean Air Project"),
            ("Piotr Nowak", "Organiser", "Parents of Quarry Street"),
            ("Doctors Without Excuses", "", ""),
        ]
        assert [sentence.notes for sentence in letter.sentences] == [(), (1,), (2, 3), ()]

    def test_signatories_divided_by_semicolons(self, letters: Path) -> None:
        letter = read(letters / "semicolons.md")
        assert [one.name for one in letter.addressees] == ["Ms. Okafor", "Mr. Yang"]
        assert [one.name for one in letter.signatories] == [
            "Repair Café Exampleton",
            "Legacy of Equality, Leadership, and Organizing (LELO)",
            "Charles Hamilton Institute - Law School",
            "Jane Doe",
            "Right & Repair",
        ]
        assert letter.signatories[3].title == "Executive Director of Fix It"

    def test_a_letter_in_spanish(self, letters: Path) -> None:
        letter = read(letters / "spanish.txt")
        assert letter.date == date(2019, 3, 7)
        assert letter.addressee.name == "Sra. Dña. Carmen Ejemplo Ruiz"
        assert (letter.addressee.organisation, letter.addressee.place) == ("Aguas del Ejemplo, S.A.", "28013 Madrid")
        assert [one.text for one in letter.figures] == ["decenas de miles", "1.250", "cuarenta y uno", "tres"]
        assert [one.text for one in letter.quotations] == ["la calidad es nuestra única obsesión"]
        assert [one.line for one in letter.demands] == [14, 14]
        assert [(note.number, note.line) for note in letter.notes] == [(1, 11), (2, 12)]
        assert len(letter.signatories) == 3


class TestDates:
    @pytest.mark.parametrize(
        "written",
        [
            "May 22, 2018",
            "22 May 2018",
            "2018-05-22",
            "22nd of May, 2018",
            "05/22/2018",
            "22.05.2018",
            "MAY 22, 2018",
            "Seattle, 22 May 2018",
            "Date: 22 May 2018",
            "Madrid, a 22 de mayo de 2018",
            "Paris, le 22 mai 2018",
        ],
    )
    def test_a_date_is_read_in_any_order(self, written: str) -> None:
        letter = with_head(f"{written}\n\nJane Doe\nDirector\nExample Trains")
        assert letter.date == date(2018, 5, 22)
        assert letter.addressee.name == "Jane Doe"

    def test_a_date_below_the_signatures_is_no_signatory(self) -> None:
        letter = read_text(BODY.strip() + "\nFriends of the Example\n\nMadrid, 3 de mayo de 2020", source="x")
        assert letter.date == date(2020, 5, 3)
        assert [one.name for one in letter.signatories] == ["Friends of the Example"]

    def test_a_date_that_can_be_read_in_two_ways_is_refused(self) -> None:
        assert problems_of("05/06/2018" + BODY + "A") == [(1, "05/06/2018 may be 5 June or 6 May")]

    def test_front_matter_settles_a_date_that_can_be_read_in_two_ways(self) -> None:
        letter = with_head("---\ndate: 2018-06-05\n---\n05/06/2018")
        assert letter.date == date(2018, 6, 5)

    def test_a_day_that_does_not_exist_is_refused(self) -> None:
        assert problems_of("\n31 February 2018" + BODY + "A") == [(2, "the calendar has no 31 February 2018")]

    def test_the_date_in_a_subject_line_is_not_the_letters(self) -> None:
        assert with_head("Re: your letter of 3 May 2018").date is None


class TestAddressees:
    def test_people_listed_above_one_organisation_share_it(self) -> None:
        letter = with_head("Jane Doe\nChief Executive\nJohn Roe\nChair\nExample Corp.\nSpringfield, IL 62701")
        assert [(one.name, one.role, one.organisation, one.place) for one in letter.addressees] == [
            ("Jane Doe", "Chief Executive", "Example Corp.", "Springfield, IL 62701"),
            ("John Roe", "Chair", "Example Corp.", "Springfield, IL 62701"),
        ]

    def test_one_line_may_say_everything(self) -> None:
        letter = with_head("To: Jane Doe, Chair and Chief Executive, Example, Inc., Seattle, WA")
        one = letter.addressee
        assert (one.name, one.role, one.organisation, one.place) == (
            "Jane Doe",
            "Chair and Chief Executive",
            "Example, Inc.",
            "Seattle, WA",
        )

    def test_a_blank_line_between_all_lines_changes_nothing(self) -> None:
        one = with_head("Jane Doe\n\nDirector\n\nAcme Widgets\n\nSpringfield, IL").addressee
        assert (one.name, one.role, one.organisation) == ("Jane Doe", "Director", "Acme Widgets")
        assert one.place == "Springfield, IL"

    def test_where_only_the_salutation_names_somebody_that_is_the_addressee(self) -> None:
        letter = read_text("Dear Ms. Doe and Mr. Roe,\n\nStop it now." + SIGNED, source="x")
        assert [(one.name, one.line) for one in letter.addressees] == [("Ms. Doe", 1), ("Mr. Roe", 1)]

    def test_a_body_without_a_person_is_addressee_and_organisation(self) -> None:
        one = with_head("Example City Council\n100 Main Street\nSpringfield, IL").addressee
        assert (one.name, one.organisation) == ("Example City Council", "Example City Council")
        assert one.place == "100 Main Street, Springfield, IL"


class TestSignatories:
    def test_an_organisations_comma_or_dash_divides_nothing(self) -> None:
        whole = [
            "Restore the Fifth, Inc.",
            "Legacy of Equality, Leadership, and Organizing (LELO)",
            "Charles Example Institute - Example Law School",
            "Youth Justice & Power Union",
            "Lawyers Guild – North Chapter",  # noqa: RUF001 -- names do hold this dash
            "18MillionRising.org",
            "MAPS-AMEN (Example Empowerment Network)",
        ]
        assert with_signatures("\n".join(whole)) == [(name, "", "") for name in whole]

    def test_three_lines_each_without_blank_ones(self) -> None:
        signed = "Jane Doe\nExecutive Director\nExample Rights\nJohn Roe\nPresident\nOther Org"
        assert with_signatures(signed) == [
            ("Jane Doe", "Executive Director", "Example Rights"),
            ("John Roe", "President", "Other Org"),
        ]

    def test_semicolons_may_divide_name_title_and_organisation(self) -> None:
        signed = "Jane Doe; Executive Director; Example Org\nJohn Roe; President; Other Org"
        assert with_signatures(signed) == [
            ("Jane Doe", "Executive Director", "Example Org"),
            ("John Roe", "President", "Other Org"),
        ]

    def test_a_comma_at_the_end_of_each_line_is_no_part_of_a_name(self) -> None:
        signed = "Alpha Group,\nBeta Alliance,\nRestore the Fifth, Inc.,\nGamma"
        assert [name for name, _, _ in with_signatures(signed)] == [
            "Alpha Group",
            "Beta Alliance",
            "Restore the Fifth, Inc.",
            "Gamma",
        ]

    def test_headings_copies_contacts_and_remarks_sign_nothing(self) -> None:
        signed = (
            "Organisations:\n\n- Alpha\n- Beta\n\n## People\n\n- Jane Doe, writer\n\ncc: the press\n"
            "Contact: press@example.org\n* Affiliations are listed for identification purposes only."
        )
        assert [name for name, _, _ in with_signatures(signed)] == ["Alpha", "Beta", "Jane Doe"]

    def test_notes_without_a_heading_sign_nothing(self) -> None:
        letter = read_text(
            "Dear Ms. Doe,\n\nStop it.1 Stop it now.2\n\nSincerely,\n\nAlpha\nBeta\n\n"
            "1. https://example.org/1\n2. https://example.org/2",
            source="x",
        )
        assert [one.name for one in letter.signatories] == ["Alpha", "Beta"]
        assert [note.text for note in letter.notes] == ["https://example.org/1", "https://example.org/2"]


class TestClosings:
    @pytest.mark.parametrize(
        "closing",
        [
            *("Sincerely,", "Yours sincerely,", "Yours faithfully,", "Very truly yours,", "Respectfully submitted,"),
            *(
                "Kind regards,",
                "With best wishes,",
                "In solidarity,",
                "In hope and solidarity,",
                "Signed,",
                "SINCERELY,",
            ),
            *("The undersigned organizations:", "Sincerely, on behalf of the coalition,", "Atentamente,", "Thank you,"),
            *("Reciban un cordial saludo,", "Mit freundlichen Grüßen", "## Signatories", "**Sincerely,**"),
        ],
    )
    def test_a_letter_may_close_in_many_ways(self, closing: str) -> None:
        letter = read_text(f"Dear Ms. Doe,\n\nIt must stay.\n{closing}\n\nAlpha\nBeta", source="x")
        assert letter.closing == closing.strip("#* ")
        assert [one.name for one in letter.signatories] == ["Alpha", "Beta"]

    def test_a_closing_word_within_the_prose_closes_nothing(self) -> None:
        letter = with_body(
            "We ask you\nsincerely,\nand not for the first time, to stop.\n\nThank you.\n\nPlease answer."
        )
        assert letter.closing == "Sincerely,"
        assert [paragraph.line for paragraph in letter.paragraphs] == [3, 7, 9]


class TestDemands:
    @pytest.mark.parametrize(
        "demand",
        [
            "We therefore urge you to stop.",
            "We call upon the board to resign.",
            "The undersigned ask that it be closed.",
            "We are writing to demand an answer.",
            "Congress must act.",
            "The mayor must immediately answer.",
            "Please publish the contract.",
        ],
    )
    def test_a_sentence_that_asks_something_of_the_reader_is_a_demand(self, demand: str) -> None:
        assert [one.text for one in with_body(f"It rains. {demand} It snows.").demands] == [demand]

    @pytest.mark.parametrize(
        "other",
        ["We must all live with it.", "The town asked for rain.", "It must have rained.", "People should be free."],
    )
    def test_what_asks_nothing_of_the_reader_is_no_demand(self, other: str) -> None:
        assert with_body(other).demands == ()

    def test_a_list_that_a_demand_introduces_is_a_list_of_demands(self) -> None:
        letter = with_body(
            "It rains. We call on you to:\n\n(1) stop selling;\n(2) delete\n    everything.\n\nThank us."
        )
        assert [(one.number, one.line, one.text) for one in letter.demands] == [
            (1, 5, "stop selling;"),
            (2, 6, "delete everything."),
        ]

    def test_any_other_list_is_none(self) -> None:
        assert with_body("We looked at:\n\n1. roofs\n2. walls").demands == ()


class TestWhatIsNoLetter:
    def test_every_part_that_is_missing_is_named(self) -> None:
        assert [what for _, what in problems_of("import os\n\nprint(os.name)\n")] == [
            "this is no letter yet: it has no closing",
            "this is no letter yet: it has no salutation",
            "this is no letter yet: it has no signatories",
        ]

    @pytest.mark.parametrize(
        ("text", "part"),
        [
            ("Jane Doe\n\nStop it." + SIGNED, "salutation"),
            ("Dear Ms. Doe,\n\nSincerely,\n\nAlpha", "body"),
            ("Dear Ms. Doe,\n\nStop it.\n\nSincerely,\n", "signatories"),
            ("Dear\n\nStop it." + SIGNED, "addressee"),
        ],
    )
    def test_one_missing_part_is_named_with_a_remedy(self, text: str, part: str) -> None:
        assert problems_of(text) == [(0, f"this is no letter yet: it has no {part}")]

    def test_front_matter_is_read_strictly_and_all_at_once(self) -> None:
        found = problems_of("---\nrestated: maybe\ntitel: Rain\ndate: 31 February 2018\n---\n" + BODY + "A")
        assert [line for line, _ in found] == [2, 3, 4]
        assert found[1][1] == '"titel" is not known'

    def test_front_matter_that_is_not_closed_is_refused(self) -> None:
        assert (1, "the front matter is not closed") in problems_of("---\nrestated: true\n" + BODY + "A")

    def test_lines_are_counted_from_the_top_of_the_file(self) -> None:
        letter = with_head("---\ntitle: Rain\n---\nMs. Doe")
        assert (letter.title, letter.addressee.line, letter.sentences[0].line) == ("Rain", 4, 8)


class TestFiles:
    def refused(self, path: Path) -> str:
        with pytest.raises(BadInput) as caught:
            read(path)
        (problem,) = caught.value.problems
        assert problem.file == str(path)
        assert problem.remedy
        return problem.what

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
    def test_every_common_encoding_is_read(self, tmp_path: Path, encoding: str) -> None:
        path = tmp_path / "letter.txt"
        path.write_bytes(
            "Señora Núñez:\r\n\r\nDeben parar “ya”.\r\n\r\nAtentamente,\r\n\r\nAñoranza\r\n".encode(encoding)
        )
        letter = read(path)
        assert letter.salutation == "Señora Núñez:"
        assert letter.signatories[0].name == "Añoranza"
        assert letter.quotations[0].text == "ya"

    @pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
    def test_line_ends_of_every_system_count_lines_alike(self, tmp_path: Path, line_end: str) -> None:
        path = tmp_path / "letter.txt"
        path.write_bytes(f"Ms. Doe{BODY}A".replace("\n", line_end).encode())
        assert [one.line for one in read(path).sentences] == [5]

    @pytest.mark.parametrize(
        ("content", "what"),
        [
            (b"", "the file is empty"),
            (b" \n\n", "the file is empty"),
            (b"%PDF-1.7 \xe2\xe3", "this is a PDF document, not text"),
            (b"PK\x03\x04\x00", "this is a word processor's document, not text"),
            (b"\n<!doctype HTML><p>Dear Ms. Doe,", "this is a web page, not text"),
            (b"Dear\x00Ms. Doe", "this is not text"),
            (b"\xff\xfeD\x00e", "this is not text"),
            (b"a" * (1024 * 1024 + 1), "the file is larger than 1 MiB"),
            (b"Dear Ms. Doe,\n" + b"a" * 60_000, "the line has 60,000 characters; 50,000 are the most"),
        ],
    )
    def test_what_is_no_text_is_refused_by_name(self, tmp_path: Path, content: bytes, what: str) -> None:
        path = tmp_path / "letter.txt"
        path.write_bytes(content)
        assert self.refused(path) == what

    def test_a_file_that_is_not_there_and_a_folder_are_refused(self, tmp_path: Path) -> None:
        assert self.refused(tmp_path / "none.txt") == "there is no such file"
        assert self.refused(tmp_path) == "this is a folder, not a file"
