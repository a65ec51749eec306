"""Values for tests: a small plan, letter, message and list of made-up people at reserved domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path

from campaign.model.approval import Manifest
from campaign.model.batch import Payload
from campaign.model.bundle import Bundle, Sources
from campaign.model.letter import Addressee, Demand, Letter, Paragraph, Sentence, Signatory
from campaign.model.message import LinkCardSource, MailSource, MediaSource, Message, PostSource, Source
from campaign.model.plan import AbTest, Arm, Channel, ClockChange, DeclaredFact, Late, Plan, Relative, Sender, Step
from campaign.model.segment import Audience, Segment
from campaign.model.supporter import Basis, Consent, NewSupporter
from campaign.model.wave import PlannedWave

T0 = datetime(2018, 5, 22, 13, 0, tzinfo=UTC)
EVERYBODY = Segment("everybody")
AUDIENCE = Audience(EVERYBODY, home_zone="America/New_York", variants=("en",))
CONSENT = Consent(Basis.OPT_IN, source="test form", at=T0 - timedelta(days=100))


def letter() -> Letter:
    sentence = Sentence("We ask the Example Company to stop.", line=5)
    return Letter(
        source="letter.md",
        date=date(2018, 5, 22),
        addressees=(Addressee("Jo Example", "Chief", "Example Company", "Seattle", line=2),),
        salutation="Dear Jo Example,",
        paragraphs=(Paragraph((sentence,), line=5),),
        demands=(Demand("Stop.", line=5),),
        figures=(),
        quotations=(),
        notes=(),
        closing="Sincerely,",
        signatories=(Signatory("One Org", line=8), Signatory("Other Org", line=9)),
        text=sentence.text,
    )


def step(step_id: str = "alert", channel: str = "email", **changes: object) -> Step:
    made = Step(
        id=step_id,
        channel=Channel(channel),
        message="email/alert" if channel == "email" else "post/launch",
        at=Relative("T-0", offset=timedelta(0), days=0, clock=time(9)),
        late=Late(within=timedelta(hours=2), then="hold"),
        line=1,
        segment=EVERYBODY if channel == "email" else None,
        accounts=() if channel == "email" else ("national",),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # names of Step's own fields


def ab_test(**changes: object) -> AbTest:
    """Two arms with a subject each to a fifth of the audience, and the one with more clicks to the rest after 4 h."""
    other = {"": Source("schedules.yaml", "Before noon, {{ supporter.first_name }}", line=9)}
    made = AbTest(
        arms=(Arm("a", "email/alert"), Arm("b", "email/alert", other)),
        share=2_000,
        decide_by="clicks",
        after=timedelta(hours=4),
        seed=2018,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # names of AbTest's own fields


def plan(*steps: Step) -> Plan:
    return Plan(
        path=Path("schedules.yaml"),
        campaign="example",
        title="Example",
        organisation="The Coalition",
        launch=T0,
        zone="America/New_York",
        language="en",
        letter=Path("letter.md"),
        messages=Path("messages"),
        sender=Sender("sendgrid", "campaign@example.org", "The Coalition", "1 Example Street, Seattle"),
        links={"action": "https://act.example.org/", "letter": "https://example.org/letter"},
        untagged=(),
        hashtags=("Example",),
        facts={"product": DeclaredFact("product", "Lens", "https://example.org", line=1)},
        segments={"everybody": EVERYBODY},
        clock_change=ClockChange(),
        steps=steps or (step(),),
    )


def mail_message(
    html: str = "<p>Dear {{ supporter.first_name }}, <a href='{{ unsubscribe_url }}'>leave</a></p>",
    text: str = "Dear {{ supporter.first_name }}\n{{ unsubscribe_url }}\n",
    subject: str = "Act now, {{ supporter.first_name }}",
    languages: Sequence[str] = ("en",),
) -> Message:
    mails = {
        language: MailSource(
            language=language,
            subject=Source("alert.html", subject),
            preheader=Source("alert.html", ""),
            html=Source("alert.html", html),
            text=Source("alert.txt", text),
            mjml=False,
        )
        for language in languages
    }
    return Message(name="email/alert", kind="email", mails=mails)


def post_message(body: str = "We wrote to {{ letter.addressee.name }}.") -> Message:
    return Message(name="post/launch", kind="post", posts={"": PostSource("", Source("launch.md", body))})


def bundle(chosen: Step | None = None, message: Message | None = None) -> Bundle:
    chosen = chosen or step()
    message = message or (mail_message() if chosen.channel == "email" else post_message())
    return Sources(plan=plan(chosen), letter=letter(), messages={chosen.message: message}, waves={}).bundle(chosen)


def manifest(chosen: Step, digest: str = "d1") -> Manifest:
    return Manifest(step=chosen.id, parts={"to": "everybody"}, digest=digest)


def wave(step_id: str = "alert", number: int = 1, due_at: datetime = T0) -> PlannedWave:
    return PlannedWave(step=step_id, number=number, due_at=due_at)


def people(n: int, **changes: object) -> list[NewSupporter]:
    made = [NewSupporter(email=f"person{i}@example.org", first_name=f"Name{i}", consent=CONSENT) for i in range(n)]
    return [replace(one, **changes) for one in made]  # type: ignore[arg-type]  # names of NewSupporter's own fields


def payload(n: int) -> Payload:
    return Payload(chunks=[f"chunk {i}".encode() for i in range(n)], head=b"[", tail=b"]")


def illustrated(*media: MediaSource, body: str = "Read it.", link_card: LinkCardSource | None = None) -> Message:
    """A post that shows ``media``, written for every network."""
    source = PostSource("", Source("launch.md", body, line=9), media=media, link_card=link_card)
    return Message(name="post/launch", kind="post", posts={"": source})


def pictured(body: bytes, alt: str = "A crowd", *, part: int = 1, file: str = "media/crowd.jpg") -> MediaSource:
    """A picture or video of these bytes, as a post's front matter asks for it in line 3."""
    return MediaSource(3, part, Source("launch.md", alt, line=4), file, sha256(body).hexdigest())


def of_digest(*bodies: bytes) -> dict[str, bytes]:
    return {sha256(body).hexdigest(): body for body in bodies}
