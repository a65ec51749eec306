"""Reads messages/: e-mails by language, posts by network, and what they share.

    messages/_layout/...                  layouts and partial templates, by their path below messages/
    messages/email/<name>/<language>.mjml or .html
    messages/email/<name>/<language>.txt  its text part; where there is none, it is made from the HTML part
    messages/post/<name>.md               for all networks
    messages/post/<name>.<network>.md     for one
    messages/media/...                    pictures and videos of posts, or anywhere else below messages/

Everything that is wrong in any file is collected and raised as one BadInput.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from campaign import networks
from campaign.errors import BadInput, Problem
from campaign.files import message_front, message_media
from campaign.files.message_front import Front
from campaign.files.yaml_positions import shorten
from campaign.model.message import MailSource, Message, PostSource, Source
from campaign.model.plan import CHANNELS, EMAIL
from campaign.rendering import check

MAX_BYTES = 256 * 1024
MAX_FILES = 500
"""Most files in _layout, and most variants of one message."""

_LAYOUT = "_layout"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_HTML = (".mjml", ".html")
_NETWORKS = tuple(channel for channel in CHANNELS if channel != EMAIL)


def load(folder: Path, name: str, *, language: str) -> Message:
    """The message ``name`` (``email/...`` or ``post/...``) below ``folder``.

    An e-mail must have a variant in ``language``, the campaign's own. BadInput with all that is wrong.
    """
    return load_all(folder, (name,), language=language)[name]


def load_all(folder: Path, names: Iterable[str], *, language: str) -> dict[str, Message]:
    """The messages of those names; BadInput with all that is wrong in any of them."""
    reader = _Reader(folder, language)
    shared = reader.layouts()
    messages = {name: reader.message(name, shared) for name in dict.fromkeys(names)}
    if reader.problems:
        raise BadInput(list(dict.fromkeys(reader.problems)))
    return {name: message for name, message in messages.items() if message is not None}


class _Reader:
    def __init__(self, folder: Path, language: str) -> None:
        self._folder = folder
        self._language = language
        self.problems: list[Problem] = []

    @cached_property
    def _variants(self) -> dict[str, list[Path]]:
        """The files of every post, by its name: the folder is read once for all of them."""
        found: dict[str, list[Path]] = {}
        for path in sorted(self._folder.glob("post/*.md")):
            if path.is_file():
                found.setdefault(_name_of(path), []).append(path)
        return found

    def layouts(self) -> dict[str, Source]:
        top = self._folder / _LAYOUT
        paths = sorted(path for path in top.rglob("*") if path.is_file() and not path.name.startswith("."))
        if len(paths) > MAX_FILES:
            self._add(top, 0, "", f"there are more than {MAX_FILES} files here", "keep only templates here")
            return {}
        shared = {}
        for path in paths:
            text = self._text(path, "")
            if text is not None:
                name = path.relative_to(self._folder).as_posix()
                shared[name] = source = Source(str(path), text)
                self.problems += check.syntax(source, where="")
        return shared

    def message(self, name: str, shared: Mapping[str, Source]) -> Message | None:
        where = f'message "{shorten(name)}"'
        kind, _, alone = name.partition("/")
        if kind not in ("email", "post") or not _NAME.fullmatch(alone):
            remedy = "write email/NAME or post/NAME, with letters, digits, - and _ in NAME"
            self._add(self._folder, 0, where, "this is not how a message is named", remedy)
            return None
        folder = self._folder / kind
        if kind == "email" and (folder / alone).is_dir():
            return Message(name, "email", mails=self._mails(folder / alone, where), shared=shared)
        variants = self._variants.get(alone, [])
        if kind == "post" and variants:
            return Message(name, "post", posts=self._posts(variants, alone, where), shared=shared)
        near = get_close_matches(name, self._known(), n=1)
        made = folder / alone / f"{self._language}.mjml" if kind == "email" else folder / f"{alone}.md"
        self._add(
            self._folder,
            0,
            where,
            "there is no such message",
            f'did you mean "{near[0]}"?' if near else f"write {made}",
        )
        return None

    def _mails(self, folder: Path, where: str) -> dict[str, MailSource]:
        paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        if len(paths) > MAX_FILES:
            self._add(folder, 0, where, f"there are more than {MAX_FILES} files here", "keep only its variants here")
            return {}
        by_language: dict[str, list[Path]] = {}
        for path in paths:
            if not message_front.is_language(path.stem) or path.suffix not in (*_HTML, ".txt"):
                remedy = "name it by its language: en.mjml or en.html, and en.txt for a text part of your own"
                self._add(path, 0, where, "this is no variant of an e-mail", remedy)
                continue
            by_language.setdefault(path.stem, []).append(path)
        if self._language not in by_language and paths:
            remedy = f"write {self._language}.mjml: people without a language get it"
            self._add(folder, 0, where, f'there is no "{self._language}", the campaign\'s language', remedy)
        if not paths:
            self._add(folder, 0, where, "the folder is empty", f"write {self._language}.mjml")
        read = {language: self._mail(folder, language, found, where) for language, found in by_language.items()}
        return {language: mail for language, mail in read.items() if mail is not None}

    def _mail(self, folder: Path, language: str, paths: list[Path], where: str) -> MailSource | None:
        html = [path for path in paths if path.suffix in _HTML]
        if len(html) > 1:
            self._add(html[1], 0, where, f"{html[0].name} is there too", "keep one of the two")
        if not html:
            remedy = "write it: most people see this part, and a text part is made from it where you write none"
            self._add(folder / f"{language}.mjml", 0, where, "the HTML part is missing", remedy)
            return None
        front = self._front(html[0], ("subject", "preheader"), where)
        text_path = folder / f"{language}.txt"
        text = self._text(text_path, where) if text_path in paths else None
        if front is None or (text is None and text_path in paths):
            return None
        if "subject" not in front.texts and not any(problem.file == str(html[0]) for problem in self.problems):
            remedy = "begin the file with ---, then `subject: ...`, then ---"
            self._add(html[0], 1, where, "there is no subject", remedy)
        body = None if text is None else Source(str(text_path), text)
        for source in (front.text("subject"), front.text("preheader"), front.body, body):
            self.problems += check.syntax(source, where=where) if source is not None else []
        mjml = html[0].suffix == ".mjml"
        return MailSource(language, front.text("subject"), front.text("preheader"), front.body, body, mjml, front.facts)

    def _posts(self, paths: list[Path], name: str, where: str) -> dict[str, PostSource]:
        posts: dict[str, PostSource] = {}
        for path in paths:
            channel = path.name[len(name) : -len(".md")].removeprefix(".")
            if channel and channel not in _NETWORKS and not networks.is_installed(channel):
                known = [one for one in networks.known() if one != EMAIL]
                near = get_close_matches(channel, known, n=1)
                remedy = f"did you mean {name}.{near[0]}.md?" if near else f"there are {', '.join(known)}"
                self._add(path, 0, where, f'"{shorten(channel)}" is no network', remedy)
                continue
            keys = ("language", "warning", *message_media.TEXTS)
            front = self._front(path, keys, where, nodes=message_media.NODES)
            if front is None:
                continue
            if not front.body.text.strip():
                self._add(path, front.body.line, where, "the post is empty", "write its text")
            self.problems += check.syntax(front.body, where=where)
            language, warning = front.text("language").text, front.text("warning").text
            asked, problems = message_media.read(front, self._folder, where)
            self.problems += problems
            posts[channel] = PostSource(
                channel,
                front.body,
                language,
                warning,
                front.facts,
                split=asked.split,
                numbered=asked.numbered,
                media=asked.media,
                link_card=asked.link_card,
            )
        return posts

    def _front(self, path: Path, keys: tuple[str, ...], where: str, nodes: tuple[str, ...] = ()) -> Front | None:
        text = self._text(path, where)
        if text is None:
            return None
        front = message_front.split(text, str(path), keys=keys, where=where, nodes=nodes)
        self.problems += front.problems
        return front

    def _text(self, path: Path, where: str) -> str | None:
        """The file's text with its line breaks as \\n; None, with the problem noted, where it cannot be read."""
        try:
            with path.open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
        except OSError as error:
            self._add(path, 0, where, f"the file cannot be read ({error.strerror})", "check its permissions")
            return None
        if len(raw) > MAX_BYTES:
            self._add(path, 0, where, f"the file is over {MAX_BYTES // 1024} KiB", "no mail program shows that much")
            return None
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            self._add(path, line, where, "the file is not in UTF-8 from here on", "save it as UTF-8 in your editor")
            return None
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _known(self) -> list[str]:
        mails = [f"email/{path.name}" for path in self._folder.glob("email/*") if path.is_dir()]
        return sorted({*mails, *(f"post/{_name_of(path)}" for path in self._folder.glob("post/*.md"))})

    def _add(self, path: Path, line: int, where: str, what: str, remedy: str) -> None:
        self.problems.append(Problem(str(path), line, where, what, remedy))


def _name_of(path: Path) -> str:
    """The name of the message that a post's file is a variant of."""
    return path.name.partition(".")[0]
