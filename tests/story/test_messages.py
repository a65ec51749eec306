"""The campaign's own messages: good enough to send, fit for their networks, and true to the letter by reference.

The product's and the company's everyday names are no parts of the letter's model; they are facts of the plan, so that
another plan and letter bring their own. Everything else that the letter states is taken from the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import grapheme
import pytest
import twitter_text

from campaign.errors import BadInput
from campaign.files import letter as letters
from campaign.files import messages as message_files
from campaign.files import plan as plans
from campaign.flow import letter_quotations, schedule
from campaign.model.letter import Addressee, Demand, Letter, Signatory
from campaign.model.message import Message
from campaign.model.plan import DeclaredFact, Plan, Step
from campaign.model.supporter import Supporter
from campaign.rendering.context import shared as shared_values
from campaign.rendering.mail import CompiledMail, compile_mail
from campaign.rendering.post import render_post
from campaign.rendering.whole import Mail, whole

MAILS = [
    ("partners-heads-up", "en"),
    ("action-alert", "en"),
    ("action-alert", "es"),
    ("follow-up", "en"),
    ("follow-up", "es"),
    ("thank-you", "en"),
    ("thank-you", "es"),
]
ASKING = [mail for mail in MAILS if mail[0] in ("action-alert", "follow-up")]
NETWORKS = ("x", "bluesky", "mastodon")
UNSUBSCRIBE = "https://campaign.example.org/u/0123456789abcdefghijkl"
ADA = Supporter(id=1, email="ada@example.org", first_name="Ada")
NAMELESS = Supporter(id=2, email="nameless@example.org")
URL = re.compile(r"https?://\S+")


class Messages:
    """Plan, letter and messages, and what the messages render to."""

    def __init__(self, plan: Plan, letter: Letter) -> None:
        self.plan = plan
        self.letter = letter
        names = dict.fromkeys(step.message for step in plan.steps)
        self.messages: Mapping[str, Message] = message_files.load_all(plan.messages, names, language=plan.language)

    def with_letter(self, letter: Letter) -> Messages:
        return Messages(self.plan, letter)

    def with_facts(self, **facts: str) -> Messages:
        declared = {name: DeclaredFact(name, value, "made up for this test", 0) for name, value in facts.items()}
        return Messages(replace(self.plan, facts={**self.plan.facts, **declared}), self.letter)

    def mail(self, name: str, language: str, person: Supporter = ADA) -> Mail:
        return whole(self._message(f"email/{name}"), language, self._values(name, language), person, UNSUBSCRIBE)

    def compiled(self, name: str, language: str) -> CompiledMail:
        return compile_mail(self._message(f"email/{name}"), language, self._values(name, language))

    def posts(self, channel: str) -> Iterator[tuple[Step, int, tuple[str, ...]]]:
        """Every wave of every step on ``channel``: the step, the wave's number and the thread's parts."""
        for step in self.plan.steps:
            if step.channel == channel:
                for wave in schedule.waves(self.plan, step):
                    yield step, wave.number, self.post(step, wave.number)

    def post(self, step: Step, number: int) -> tuple[str, ...]:
        return render_post(self._message(step.message), step.channel, self._values(step.id, self.plan.language, number))

    def _message(self, name: str) -> Message:
        return self.messages[name]

    def _values(self, step_id: str, language: str, number: int = 1) -> dict[str, Any]:
        step = next(step for step in self.plan.steps if step.id == step_id)
        waves = {wave.number: wave.due_at for wave in schedule.waves(self.plan, step)}
        return shared_values(
            plan=self.plan,
            letter=self.letter,
            step=step,
            wave_number=number,
            due_at=waves.get(number, self.plan.launch),
            channel=step.channel,
            language=language,
        )


class Page(HTMLParser):
    """What of an HTML part the tests ask about."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, {name: value or "" for name, value in attrs}))
        self._hidden += tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += f"{data}\n"

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.attributes if tag == "a"]


@pytest.fixture(scope="module")
def ours(root: Path) -> Messages:
    plan = plans.load(root / "schedules.yaml")
    return Messages(plan, letters.read(plan.letter))


@pytest.fixture(scope="module")
def another_letter(ours: Messages) -> Letter:
    """A letter of somebody else to somebody else."""
    return replace(
        ours.letter,
        date=date(2031, 2, 3),
        addressees=(Addressee("Rosalind Example", "Mayor", "City of Example", "Example Town", 1),),
        demands=(Demand("Let the library stay open.", 1),),
        signatories=tuple(Signatory(f"Readers of Street {number}", number) for number in range(1, 8)),
    )


@pytest.fixture(scope="module")
def sources(root: Path) -> dict[str, str]:
    """Every template as written, by its name; the letter is none."""
    folder = root / "messages"
    files = (path for part in ("email", "post", "_layout") for path in (folder / part).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def everything(ours: Messages, person: Supporter = ADA) -> Iterator[tuple[str, str]]:
    """Every text that anybody gets to see, with a name for it."""
    for name, language in MAILS:
        mail = ours.mail(name, language, person)
        yield f"{name}.{language} subject", mail.subject
        yield f"{name}.{language} text", mail.text
        yield f"{name}.{language} html", Page(mail.html).text
    for channel in NETWORKS:
        for step, number, parts in ours.posts(channel):
            yield f"{step.id} {number}", "\n\n".join(parts)


def test_the_set_holds_every_message_that_the_plan_sends(ours: Messages) -> None:
    languages = {(name.removeprefix("email/"), language) for name, m in ours.messages.items() for language in m.mails}
    assert languages == set(MAILS)
    posts = {name for name, message in ours.messages.items() if message.kind == "post"}
    assert posts == {f"post/{name}" for name in ("launch", "launch-thread", "demand", "signatories", "reminder")}


# ── e-mail ──


@pytest.mark.parametrize(("name", "language"), MAILS)
def test_an_email_greets_by_first_name_and_reads_well_without_one(ours: Messages, name: str, language: str) -> None:
    named, nameless = ours.mail(name, language, ADA), ours.mail(name, language, NAMELESS)
    greeting = re.compile(r"(?:Hi|Dear|Hola,) Ada[,:]")
    assert greeting.search(named.text)
    assert greeting.search(Page(named.html).text)
    for text in (nameless.text, Page(nameless.html).text):
        assert re.search(r"Hi friend,|Dear colleague,|Hola, qué gusto saludarte:", text)
    for text in (nameless.subject, nameless.text, Page(nameless.html).text):
        assert not re.search(r"Ada\b|None|[{}]| ,", text)


@pytest.mark.parametrize(("name", "language"), MAILS)
def test_an_email_is_shared_by_all_but_for_a_few_fields(ours: Messages, name: str, language: str) -> None:
    compiled = ours.compiled(name, language)
    assert compiled.fallbacks == {}
    assert len(compiled.tokens) <= 10
    for person in (ADA, NAMELESS):
        assert compiled.whole(person, UNSUBSCRIBE) == ours.mail(name, language, person)


@pytest.mark.parametrize(("name", "language"), MAILS)
def test_both_parts_carry_action_link_unsubscribe_link_and_postal_address(
    ours: Messages, name: str, language: str
) -> None:
    mail = ours.mail(name, language)
    page = Page(mail.html)
    assert ours.plan.sender is not None
    action = ours.plan.links["action"]
    assert any(link.startswith(f"{action}?") for link in page.links)
    assert f"{action}?" in mail.text
    assert UNSUBSCRIBE in page.links
    assert UNSUBSCRIBE in mail.text
    assert ours.plan.sender.postal_address in page.text
    assert ours.plan.sender.postal_address in mail.text


@pytest.mark.parametrize(("name", "language"), MAILS)
def test_every_link_of_ours_in_an_email_says_which_step_it_is_from(ours: Messages, name: str, language: str) -> None:
    mail = ours.mail(name, language)
    untagged = {*ours.plan.untagged, urlsplit(UNSUBSCRIBE).hostname}
    hosts = {urlsplit(url).hostname for url in ours.plan.links.values()} - untagged
    tagged = [link for link in [*Page(mail.html).links, *URL.findall(mail.text)] if urlsplit(link).hostname in hosts]
    assert tagged
    for link in tagged:
        tags = parse_qs(urlsplit(link).query)
        assert (tags["utm_source"], tags["utm_medium"], tags["utm_content"]) == (["email"], ["email"], [name])


@pytest.mark.parametrize(("name", "language"), MAILS)
def test_an_email_offers_to_pass_the_campaign_on_by_four_networks(ours: Messages, name: str, language: str) -> None:
    mail = ours.mail(name, language)
    for host in ("x.com", "bsky.app", "share.joinmastodon.org", "wa.me"):
        for links in (Page(mail.html).links, URL.findall(mail.text)):
            shared = [link for link in links if urlsplit(link).hostname == host]
            assert shared
            assert all(ours.plan.links["share"] in unquote(link) for link in shared)


@pytest.mark.parametrize(("name", "language"), ASKING)
def test_an_alert_has_a_message_to_the_target_ready_to_send(ours: Messages, name: str, language: str) -> None:
    mail = ours.mail(name, language)
    written = [link for link in Page(mail.html).links if link.startswith(f"mailto:{ours.plan.target_email}?")]
    assert len(written) == 1
    parts = parse_qs(urlsplit(written[0]).query)
    body = parts["body"][0].replace("\r\n", "\n")
    assert ours.plan.facts["product"].value in parts["subject"][0]
    assert body.startswith(f"Dear {ours.letter.addressee.name},\n")
    assert body in mail.text
    assert ours.plan.target_email in mail.text
    assert len(written[0]) < 2000  # what mail programs on Windows take for a link


@pytest.mark.parametrize(("name", "language"), MAILS)
def test_an_email_says_its_language_and_suits_a_dark_screen_and_a_screen_reader(
    ours: Messages, name: str, language: str
) -> None:
    html = ours.mail(name, language).html
    page = Page(html)
    assert ("html", language, "ltr") in [(tag, a.get("lang"), a.get("dir")) for tag, a in page.attributes]
    assert {"name": "color-scheme", "content": "light dark"} in [a for tag, a in page.attributes if tag == "meta"]
    assert "prefers-color-scheme" in html
    assert [tag for tag, _ in page.attributes].count("h1") == 1
    assert all(attributes.get("alt") for tag, attributes in page.attributes if tag == "img")
    assert all(link.startswith(("https://", "mailto:")) for link in page.links)
    layout_tables = [a for tag, a in page.attributes if tag == "table" and "facts" not in a.get("class", "")]
    assert all(attributes.get("role") == "presentation" for attributes in layout_tables)
    assert len(html.encode()) < 100_000  # Gmail cuts off what is over 102 kB


@pytest.mark.parametrize(("name", "language"), MAILS)
def test_subject_and_preheader_fit_the_list_of_a_mail_program(ours: Messages, name: str, language: str) -> None:
    mail = ours.mail(name, language, NAMELESS)
    assert 10 < len(mail.subject) <= 70
    hidden = re.search(r'<div style="display:\s*none[^>]*>([^<]+)', mail.html)
    assert hidden
    preheader = hidden[1].split("\u034f")[0].strip()
    assert 30 < len(preheader) <= 130
    assert preheader != mail.subject


def test_the_colours_of_the_frame_are_easy_to_read(sources: dict[str, str]) -> None:
    frame = sources["_layout/email.mjml"]
    pairs = [
        ("#23252b", "#ffffff"),
        ("#23252b", "#f6f4ef"),
        ("#174ea6", "#ffffff"),
        ("#15161a", "#ffffff"),
        ("#15161a", "#ffd21f"),
        ("#ffd21f", "#15161a"),
        ("#5a5d66", "#efede8"),
        ("#3f424a", "#efede8"),
        ("#eceae4", "#1b1d22"),
        ("#ffdc55", "#1b1d22"),
        ("#eceae4", "#26282f"),
        ("#b9b6ae", "#0e0f12"),
    ]
    for ink, paper in pairs:
        assert ink in frame
        assert paper in frame
        assert contrast(ink, paper) >= 4.5, (ink, paper)
    colours = set(re.findall(r"#[0-9a-f]{6}\b", frame))
    assert colours - {"#dcd8cf", "#3d4048"} == {colour for pair in pairs for colour in pair}  # less what draws lines


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio; 4.5 is what level AA asks of text."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_partners_learn_the_embargo_the_posts_the_signatories_and_whom_to_ask(ours: Messages) -> None:
    mail = ours.mail("partners-heads-up", "en")
    facts = ours.plan.facts
    page = Page(mail.html)
    for text in (mail.text, page.text):
        assert "Tuesday, 22 May 2018, 9:00 a.m. EDT" in text
        assert facts["press_contact"].value in text
        assert facts["partner_contact"].value in text
        assert ours.letter.demands[0].text in text
        for signatory in ours.letter.signatories:
            assert signatory.name in text
    assert any(link.startswith(f"{ours.plan.links['toolkit']}?") for link in page.links)
    assert sum(urlsplit(link).hostname == "bsky.app" for link in page.links) == 3


@pytest.mark.parametrize(("language", "answer"), [("en", "answer"), ("es", "answer_es")])
def test_the_thank_you_states_the_result_once_the_plan_declares_it(ours: Messages, language: str, answer: str) -> None:
    then = ours.with_facts(actions_taken="12,345", **{answer: "Here is what they said."}).mail("thank-you", language)
    now = ours.mail("thank-you", language)
    for text in (then.text, Page(then.html).text):
        assert "12,345" in text
        assert "Here is what they said." in text
    for text in (now.text, Page(now.html).text):
        assert "12,345" not in text
        assert not re.search(r"^\s*\*?\s*(?:people|personas)\b", text, re.MULTILINE)
        assert f"{len(ours.letter.signatories)} organi" in text


# ── posts ──


def test_every_post_fits_x_in_every_wave(ours: Messages) -> None:
    for step, number, parts in ours.posts("x"):
        for part in parts:
            parsed = twitter_text.parse_tweet(part)
            assert parsed.valid, (step.id, number, part)
            assert parsed.weightedLength <= 280, (step.id, number, part)


def test_every_post_fits_bluesky_in_every_wave(ours: Messages) -> None:
    for step, number, parts in ours.posts("bluesky"):
        for part in parts:
            assert grapheme.length(part) <= 300, (step.id, number, part)
            assert len(part.encode()) <= 3000, (step.id, number, part)


def test_every_post_fits_mastodon_in_every_wave(ours: Messages) -> None:
    for step, number, parts in ours.posts("mastodon"):
        post = ours.messages[step.message].post_for("mastodon")
        assert post is not None
        for part in parts:
            counted = URL.sub("x" * 23, part) + post.warning
            assert grapheme.length(counted) <= 500, (step.id, number, part)


@pytest.mark.parametrize("channel", NETWORKS)
def test_no_two_posts_of_a_network_are_alike(ours: Messages, channel: str) -> None:
    texts = [part for _, _, parts in ours.posts(channel) for part in parts]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("channel", NETWORKS)
def test_the_reminder_says_something_else_each_time_and_a_time_too_many_is_an_error(
    ours: Messages, channel: str
) -> None:
    reminders = [(step, number, parts) for step, number, parts in ours.posts(channel) if "reminder" in step.id]
    without_links = {URL.sub("", "".join(parts)) for _, _, parts in reminders}
    assert len(without_links) == len(reminders) == 6
    with pytest.raises(BadInput, match="reminder"):
        ours.post(reminders[0][0], len(reminders) + 1)


@pytest.mark.parametrize("channel", NETWORKS)
def test_the_launch_thread_has_four_to_six_parts_and_all_else_is_one_post(ours: Messages, channel: str) -> None:
    for step, _, parts in ours.posts(channel):
        if step.message == "post/launch-thread":
            assert 4 <= len(parts) <= 6
        else:
            assert len(parts) == 1


@pytest.mark.parametrize("channel", NETWORKS)
def test_every_post_leads_to_the_campaign_by_a_link_that_suits_its_network(ours: Messages, channel: str) -> None:
    """Bluesky counts a link in full, so there it is the short one; elsewhere it carries tags."""
    for step, number, parts in ours.posts(channel):
        links = URL.findall(parts[-1])
        assert len(links) == 1, (step.id, number)
        if channel == "bluesky":
            assert links == [ours.plan.links["share"]]
        else:
            tags = parse_qs(urlsplit(links[0]).query)
            assert (tags["utm_source"], tags["utm_content"]) == ([channel], [step.id])
        assert not any(URL.search(part) for part in parts[:-1])  # X charges more for a post with a link


@pytest.mark.parametrize("channel", NETWORKS)
def test_every_step_carries_a_hashtag_that_screen_readers_can_read(ours: Messages, channel: str) -> None:
    for step, number, parts in ours.posts(channel):
        tags = re.findall(r"#(\w+)", URL.sub("", "\n".join(parts)))
        assert ours.plan.hashtags[0] in tags, (step.id, number)
        assert all(re.fullmatch(r"(?:[A-Z][a-z]+)+", tag) for tag in tags)


# ── true to the letter ──


def test_no_message_puts_words_between_quotation_marks(ours: Messages) -> None:
    assert ours.letter.restated
    for where, text in everything(ours):
        assert letter_quotations.find(text) == [], where


def test_another_letter_and_other_facts_change_every_message(ours: Messages, another_letter: Letter) -> None:
    theirs = ours.with_letter(another_letter).with_facts(company="Example City", product="Nightwatch", x_account="@eg")
    told = URL.sub("", "\n".join(text for _, text in everything(theirs)))
    for theirs_now in ("Rosalind Example", "Example City", "Nightwatch", "3 February 2031", "3 de febrero de 2031"):
        assert theirs_now in told
    assert "Let the library stay open." in told
    assert "Readers of Street 7" in told
    assert not re.search(r"Bezos|Amazon|Rekognition|\b41\b", told, re.IGNORECASE)
    assert not any(signatory.name in told for signatory in ours.letter.signatories)
    before, after = dict(everything(ours)), dict(everything(theirs))
    subjects_alike = {where for where in before if where.endswith("subject")}
    assert [where for where in before if before[where] == after[where] and where not in subjects_alike] == []


def test_no_template_has_a_fact_of_the_letter_typed_in(ours: Messages, sources: dict[str, str]) -> None:
    letter = ours.letter
    assert letter.date is not None
    typed = {
        *(fact.value for fact in ours.plan.facts.values()),
        *(signatory.name for signatory in letter.signatories),
        letter.addressee.name,
        letter.addressee.name.split()[-1],
        letter.addressee.role,
        letter.addressee.organisation,
        str(len(letter.signatories)),
        "forty-one",
        str(letter.date.year),
        *ours.plan.links.values(),
        ours.plan.organisation,
    }
    for name, text in sources.items():
        words = re.sub(r"\{#.*?#\}|#[0-9a-f]{6}\b|&#\d+;", " ", text, flags=re.DOTALL)
        found = [fact for fact in typed if re.search(rf"(?<!\w){re.escape(fact)}(?!\w)", words, re.IGNORECASE)]
        assert found == [], name


def test_no_message_copies_the_original_letter(ours: Messages, shared: Path) -> None:
    original = letters.read(shared / "letter.txt")
    names = [signatory.name for signatory in original.signatories]
    phrases = runs_of_words(original.text, 6)
    for where, text in everything(ours):
        for name in names:
            text = text.replace(name, " . ")  # noqa: PLW2901 - names may be said
        assert phrases & runs_of_words(text, 6) == set(), where


def runs_of_words(text: str, length: int) -> set[tuple[str, ...]]:
    words = [word.casefold() for word in re.findall(r"[\w'\u2019]+|\.", text)]
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)} - {()}
