"""Renders an e-mail whole for one person: what every compiled mail must be equal to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from jinja2 import TemplateError, nodes

from campaign.errors import BadInput, Problem
from campaign.model.message import MailSource, Message, Source
from campaign.model.supporter import Supporter
from campaign.rendering import check, text_part
from campaign.rendering.context import OF_A_PERSON, UTM
from campaign.rendering.environment import Strict, render
from campaign.rendering.finish import Finish, Unfinished, subject
from campaign.rendering.problems import from_error

Part = Literal["subject", "preheader", "html", "text"]
PARTS: Final[tuple[Part, ...]] = ("subject", "preheader", "html", "text")
"""In the order in which they are rendered: the HTML part may show the subject and the preheader, and where no text part
is written, it is made from the HTML part."""
_SHOWN_IN_HTML: Final[tuple[Part, ...]] = ("subject", "preheader")


@dataclass(frozen=True, slots=True)
class Mail:
    """What one person gets."""

    subject: str
    html: str
    text: str


class Whole:
    """An e-mail in one language with all that is the same for everybody; BadInput where that cannot be."""

    def __init__(self, message: Message, language: str, shared: Mapping[str, Any]) -> None:
        self.source = mail_source(message, language)
        self.name = message.name
        self.sources = sources(message, self.source)
        self.values = {**shared, "language": language}
        self.derives = self.source.text is None
        self.parts = PARTS[:-1] if self.derives else PARTS
        """Those that have templates."""
        self.finish = Finish(mjml=self.source.mjml, utm=shared.get(UTM), language=language)
        self.html = Strict(self.sources, language=language, autoescape=True)
        self.text = Strict(self.sources, language=language, autoescape=False)
        self._families: dict[Part, dict[str, nodes.Template]] = {}

    def environment(self, part: Part) -> Strict:
        return self.html if part == "html" else self.text

    def where(self, part: Part) -> str:
        return f'message "{self.name}" ({self.source.language}, {part})'

    def unknown_names(self) -> list[Problem]:
        """Every name and attribute in any part that does not exist."""
        values = {**self.values, **dict.fromkeys(OF_A_PERSON)}
        problems = []
        for part in self.parts:
            if part == "html":
                values |= dict.fromkeys(_SHOWN_IN_HTML)
            try:
                templates = self.family(part)
            except TemplateError as error:
                problems.append(self.problem(part, error))
                continue
            problems += check.unknown_names(self.environment(part), templates, values=values, where=self.where(part))
        return problems

    def family(self, part: Part) -> dict[str, nodes.Template]:
        """The part's template and all that it extends, includes and imports; raises jinja2.TemplateError."""
        if part not in self._families:
            self._families[part] = check.family(self.environment(part), f"<{part}>")
        return self._families[part]

    def raw(self, part: Part, person: Supporter, url: str) -> str:
        """A part as its template gives it, before it is finished. BadInput where the template fails."""
        values = {**self.values, "supporter": person, "unsubscribe_url": url}
        if part == "html":
            values |= {name: self.raw(name, person, url) for name in _SHOWN_IN_HTML}
        try:
            return render(self.environment(part).get_template(f"<{part}>"), values)
        except Exception as error:  # noqa: BLE001 - a template may fail in any way, and each is bad input
            raise BadInput([self.problem(part, error)]) from None

    def mail(self, person: Supporter, url: str) -> Mail:
        html = self.part("html", person, url)
        text = self.derived(html) if self.derives else self.part("text", person, url)
        return Mail(self.part("subject", person, url), html, text)

    def derived(self, document: str) -> str:
        """The text part made from a finished HTML part."""
        return text_part.derived(document, language=self.source.language)

    def template(self, part: Part) -> str:
        """The name of the template that a part is made from."""
        return "<html>" if part == "text" and self.derives else f"<{part}>"

    def part(self, part: Part, person: Supporter, url: str) -> str:
        """A finished part, as ``person`` gets it."""
        if part == "text" and self.derives:
            return self.derived(self.part("html", person, url))
        raw = self.raw(part, person, url)
        if part != "html":
            return self.finish.text(raw, leave=(url,)) if part == "text" else subject(raw)
        try:
            return self.finish.html(raw, leave=(url,))
        except Unfinished as error:
            raise BadInput([self.problem(part, error)]) from None

    def problem(self, part: Part, error: Exception, *, template: str = "", line: int | None = None) -> Problem:
        return from_error(
            error,
            sources=self.sources,
            main=template or self.template(part),
            where=self.where(part),
            line=line,
            known=[*filter(str.isidentifier, self.values), *OF_A_PERSON],
        )


def whole(message: Message, language: str, shared: Mapping[str, Any], person: Supporter, url: str) -> Mail:
    """``message`` as ``person`` gets it, by rendering every template for them alone."""
    return Whole(message, language, shared).mail(person, url)


def mail_source(message: Message, language: str) -> MailSource:
    if language in message.mails:
        return message.mails[language]
    there = ", ".join(sorted(message.mails)) or "none"
    raise BadInput(
        [
            Problem(
                message.name, 0, f'message "{message.name}"', f'there is no "{language}" variant', f"there is: {there}"
            )
        ]
    )


def sources(message: Message, source: MailSource) -> dict[str, Source]:
    """All templates by the names that they have for Jinja; those of the parts cannot be included by name."""
    parts = {"subject": source.subject, "preheader": source.preheader, "html": source.html, "text": source.text}
    return {**message.shared, **{f"<{part}>": text for part, text in parts.items() if text is not None}}
