"""What the plan's values mean together. Everything is checked that can be read, whatever else is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from campaign.files.plan_ab_test import AbTestDocument, wrong_arms, wrong_subjects
from campaign.files.plan_accounts import misnamed, twice, unlisted
from campaign.files.plan_breakers import for_email_alone
from campaign.files.plan_caps import wrong_caps, wrong_domains, wrong_frequency
from campaign.files.plan_conditions import check_conditions
from campaign.files.plan_draft import Draft, PlanDraft
from campaign.files.plan_errors import MAX_PROBLEMS, Findings
from campaign.files.plan_pacing import wrong_pacing
from campaign.files.plan_quiet import wrong_quiet
from campaign.files.plan_schema import PlanDocument, SegmentDocument, StepDocument
from campaign.files.plan_time_checks import LaunchCalendar, TimeChecks
from campaign.files.plan_times import After
from campaign.files.plan_values import did_you_mean
from campaign.model.plan import AHEAD

MIN_AHEAD, MAX_AHEAD = timedelta(minutes=30), timedelta(hours=71)
"""SendGrid takes send_at at most 72 h ahead, and cancels surely only until 10 minutes before it
(https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send, .../cancel-scheduled-sends)."""


def check(draft: PlanDraft, calendar: LaunchCalendar | None, folder: Path, findings: Findings) -> None:
    """Add all that is wrong to ``findings``. ``folder`` is the one that the plan is in."""
    _check_letter(draft.top, folder, findings)
    _check_links(draft.link_names, findings)
    for name, segment in draft.segments.items():
        _check_segment(name, segment, findings)
    if draft.top.has("accounts"):
        accounts = draft.top.document.accounts
        for place, what, remedy in (*misnamed(accounts), *twice(accounts)):
            findings.add(place, what, remedy)
    if draft.top.has("quiet") and draft.top.document.quiet:
        for what, remedy in wrong_quiet(draft.top.document.quiet):
            findings.add(("quiet",), what, remedy)
    _check_caps(draft.top, findings)
    check_conditions(draft, findings)
    steps = _StepChecks(draft, _Messages(folder / "messages"), findings)
    times = TimeChecks(draft.top, calendar, findings) if calendar else None
    for index, step in draft.steps.items():
        if len(findings.problems) > MAX_PROBLEMS:
            return  # more would not be shown, and looking for near words takes its time
        steps.check(index, step)
        if times:
            times.check(index, step)


def _check_caps(top: Draft[PlanDocument], findings: Findings) -> None:
    if top.has("domain_rates"):
        for below, what, remedy in wrong_domains(top.document.domain_rates):
            findings.add(("domain_rates", *below), what, remedy)
    if top.has("frequency") and top.document.frequency:
        for below, what, remedy in wrong_frequency(top.document.frequency):
            findings.add(("frequency", *below), what, remedy)


def _check_letter(top: Draft[PlanDocument], folder: Path, findings: Findings) -> None:
    document = top.document
    if top.has("letter"):
        letter = folder / document.letter
        try:
            found = letter.is_file()
        except (OSError, ValueError):
            found = False
        if not found:
            findings.add(("letter",), f'letter "{document.letter}" is not there', f"looked for {letter}")


def _check_links(names: tuple[str, ...] | None, findings: Findings) -> None:
    for needed in ("action", "letter"):
        if names is not None and needed not in names:
            findings.add(("links",), f"links lacks {needed}", f"add `{needed}: https://…`; messages link to it")


def _check_segment(name: str, segment: Draft[SegmentDocument], findings: Findings) -> None:
    if not segment.has("tags_all", "tags_any", "tags_none"):
        return
    for key in ("tags_all", "tags_any"):
        for tag in set(getattr(segment.document, key)) & set(segment.document.tags_none):
            what = f'the tag "{tag}" stands in {key} and in tags_none, so nobody can be in this segment'
            findings.add(("segments", name, "tags_none"), what, "remove one of the two")


def _is_local_after(written: object) -> bool:
    return isinstance(written, After) and written.by.local


class _Messages:
    """The names under messages/."""

    def __init__(self, folder: Path) -> None:
        self._names = {kind: frozenset(_names(folder / kind, folders=kind == "email")) for kind in ("email", "post")}

    def __contains__(self, message: str) -> bool:
        kind, _, name = message.partition("/")
        return name in self._names[kind]

    def remedy(self, message: str) -> str:
        """What to do about a message that is not there."""
        kind, _, name = message.partition("/")
        made = f"the folder messages/email/{name}/" if kind == "email" else f"the file messages/post/{name}.md"
        return did_you_mean(name, tuple(sorted(self._names[kind])), before=f"{kind}/") or f"make {made}"


def _names(folder: Path, *, folders: bool) -> Iterator[str]:
    """An e-mail is a folder, a post one file or several: ``launch.md``, ``launch.mastodon.md``."""
    try:
        for entry in folder.iterdir():
            name = entry.name.partition(".")[0]
            if name and (not folders or entry.is_dir()):
                yield name
    except OSError:
        return


class _StepChecks:
    """One check after another on each step, with what they must remember of the steps before."""

    def __init__(self, draft: PlanDraft, messages: _Messages, findings: Findings) -> None:
        self._draft = draft
        self._messages = messages
        self._findings = findings
        self._seen: dict[str, int] = {}
        self._sender_missed = False

    def check(self, index: int, step: Draft[StepDocument]) -> None:
        self._check_id(index, step)
        self._check_message(index, step)
        if step.has("channel"):
            if step.document.channel == "email":
                self._check_email(index, step)
            else:
                self._check_post(index, step)
                self._check_listed(index, step)
                self._check_breakers(index, step)
        self._check_segment(index, step)
        self._check_hand_off(index, step)
        self._check_pacing(index, step)
        self._check_caps(index, step)
        if step.has("ab_test") and step.document.ab_test is not None:
            self._check_ab_test(index, step, step.document.ab_test)

    def _add(self, index: int, key: str, what: str, remedy: str) -> None:
        self._findings.add(("steps", index, key) if key else ("steps", index), what, remedy)

    def _check_id(self, index: int, step: Draft[StepDocument]) -> None:
        if not step.has("id"):
            return
        first = self._seen.setdefault(step.document.id, index)
        if first != index:
            line = self._findings.line(("steps", first))
            self._add(index, "id", f"the id is taken by the step in line {line}", "give each step its own id")

    def _check_message(self, index: int, step: Draft[StepDocument]) -> None:
        if not step.has("message"):
            return
        message = step.document.message
        if step.has("channel"):
            kind = "email" if step.document.channel == "email" else "post"
            if not message.startswith(f"{kind}/"):
                what = f'message "{message}" does not fit the channel {step.document.channel}'
                self._add(index, "message", what, f"name one that begins with {kind}/")
                return
        if message not in self._messages:
            self._add(index, "message", f'message "{message}" is not there', self._messages.remedy(message))

    def _check_email(self, index: int, step: Draft[StepDocument]) -> None:
        document = step.document
        for key in ("account", "accounts", "visibility", "thread", "repeat_text"):
            if step.has(key) and getattr(document, key) is not None:
                self._add(index, key, f"{key} is for posts, and this step sends e-mail", f"remove {key}")
        if step.has("segment") and document.segment is None:
            names = ", ".join((self._draft.segment_names or ())[:10])
            remedy = f"add `segment:` with one of {names}" if names else "describe one under `segments:` and name it"
            self._add(index, "", "segment is missing: it says who gets the e-mail", remedy)
        top = self._draft.top
        if not self._sender_missed and top.has("sender") and top.document.sender is None:
            self._sender_missed = True
            remedy = "add `sender:` with via, address, name and postal_address"
            self._add(index, "channel", "sends e-mail, and the plan names no sender", remedy)

    def _check_post(self, index: int, step: Draft[StepDocument]) -> None:
        document = step.document
        if step.has("segment") and document.segment is not None:
            remedy = "remove segment, or make it `channel: email`"
            self._add(index, "segment", f"segment is for e-mail, and this step posts on {document.channel}", remedy)
        if step.has("account", "accounts"):
            if document.account is None and document.accounts is None:
                remedy = "add a line such as `account: national`"
                self._add(index, "", "account is missing: it says which account posts", remedy)
            elif document.account is not None and document.accounts is not None:
                self._add(index, "account", "both account and accounts are given", "keep one of them")
            elif document.accounts and len(set(document.accounts)) < len(document.accounts):
                self._add(index, "accounts", "accounts names one account twice", "keep each once")
        if step.has("visibility") and document.visibility is not None and document.channel != "mastodon":
            what = f"visibility is for mastodon, and this step posts on {document.channel}"
            self._add(index, "visibility", what, "remove visibility")
        if step.has("at") and (getattr(document.at, "local", False) or _is_local_after(document.at)):
            what = "at is by local time, and a post is for everybody at once"
            self._add(index, "at", what, "leave out local: it is for e-mail")
        for key in ("hand_off", "ahead", "ab_test"):
            if step.has(key) and getattr(document, key) is not None:
                what = f"{key} is for e-mail, and this step posts on {document.channel}"
                self._add(index, key, what, f"remove {key}")

    def _check_listed(self, index: int, step: Draft[StepDocument]) -> None:
        document, top = step.document, self._draft.top
        if not top.has("accounts") or not step.has("account", "accounts"):
            return
        key = "accounts" if document.accounts else "account"
        named = document.accounts or ([document.account] if document.account else [])
        for what, remedy in unlisted(top.document.accounts, document.channel, named):
            self._add(index, key, what, remedy)

    def _check_breakers(self, index: int, step: Draft[StepDocument]) -> None:
        if step.has("breakers") and step.document.breakers is not None:
            for measure in for_email_alone(step.document.breakers):
                place = ("steps", index, "breakers", measure)
                self._findings.add(place, f"{measure} is for e-mail", "posts know none; remove it")

    def _check_hand_off(self, index: int, step: Draft[StepDocument]) -> None:
        document, top = step.document, self._draft.top
        if not step.has("hand_off", "ahead", "channel") or document.channel != "email":
            return
        sender = top.document.sender if top.has("sender") else None
        staged = document.hand_off == "staged"
        if staged and sender is not None and sender.via != "sendgrid":
            what = f"hand_off staged is for mail by SendGrid, and the plan's sender goes via {sender.via}"
            self._add(index, "hand_off", what, "remove hand_off: only SendGrid holds mail until its time")
        if document.ahead is None:
            return
        if not staged:
            remedy = "add `hand_off: staged`, or remove ahead"
            self._add(index, "ahead", "ahead is for mail that is handed over ahead of its time", remedy)
        elif not MIN_AHEAD <= document.ahead <= MAX_AHEAD:
            short = document.ahead < MIN_AHEAD
            why = (
                "SendGrid cancels for sure only until 10 minutes before" if short else "SendGrid takes 72 hours at most"
            )
            what = f"ahead is {'less than 30 minutes' if short else 'more than 71 hours'}, and {why}"
            self._add(index, "ahead", what, "write `ahead: 2h`")

    def _check_pacing(self, index: int, step: Draft[StepDocument]) -> None:
        top, document = self._draft.top, step.document
        keys = ("waves", "ramp", "rate", "channel", "repeat", "ab_test", "hand_off", "at", "quiet")
        if not step.has(*keys) or not top.has("rates", "quiet"):
            return
        quiet = top.document.quiet is not None and document.quiet != "none"
        local = bool(getattr(document.at, "local", False)) or _is_local_after(document.at)
        for below, what, remedy in wrong_pacing(document, rates=top.document.rates, quiet=quiet, local=local):
            self._findings.add(("steps", index, *below), what, remedy)

    def _check_caps(self, index: int, step: Draft[StepDocument]) -> None:
        top, document = self._draft.top, step.document
        if not step.has("channel", "hand_off", "domain_rates", "frequency") or not top.has("domain_rates", "frequency"):
            return
        found = wrong_caps(
            document.channel,
            own=document.domain_rates,
            frequency=document.frequency,
            staged=document.hand_off == "staged",
            shared=bool(top.document.domain_rates),
            capped=top.document.frequency is not None,
        )
        for below, what, remedy in found:
            self._findings.add(("steps", index, *below), what, remedy)

    def _check_ab_test(self, index: int, step: Draft[StepDocument], test: AbTestDocument) -> None:
        place = ("steps", index, "ab_test")
        message = step.document.message if step.has("message") else ""
        for below, what, remedy in wrong_arms(test, message):
            self._findings.add((*place, *below), what, remedy)
        self._findings.problems += wrong_subjects(test, self._findings, place)
        for name, arm in test.arms.items():
            if arm.message is None:
                continue
            if not arm.message.startswith("email/"):
                what = f'message "{arm.message}" of the arm "{name}" is no e-mail'
                self._findings.add((*place, "arms", name, "message"), what, "name one that begins with email/")
            elif arm.message not in self._messages:
                what = f'message "{arm.message}" of the arm "{name}" is not there'
                self._findings.add((*place, "arms", name, "message"), what, self._messages.remedy(arm.message))
        if step.has("repeat") and step.document.repeat is not None:
            what = "ab_test does not go with repeat: the first time would be tested, and the others are other messages"
            self._add(index, "ab_test", what, "test a step that comes once")
        ahead = step.document.ahead or AHEAD
        if step.has("hand_off", "ahead") and step.document.hand_off == "staged" and test.decide.after <= ahead:
            what = "the rest is handed over before the test is out: `after` is not longer than `ahead`"
            self._findings.add((*place, "decide", "after"), what, "make after some hours longer than ahead")
        segment = self._draft.segments.get(str(step.document.segment)) if step.has("segment") else None
        if test.decide.by == "actions" and segment and segment.has("acted") and segment.document.acted:
            what = f'the segment "{step.document.segment}" holds those who have acted, so no arm can win by actions'
            self._findings.add((*place, "decide", "by"), what, "write `by: clicks` or `by: hand`")

    def _check_segment(self, index: int, step: Draft[StepDocument]) -> None:
        names = self._draft.segment_names
        if names is None or not step.has("segment") or step.document.segment in (None, *names):
            return
        remedy = did_you_mean(str(step.document.segment), names)
        if not remedy:
            remedy = f"the segments are {', '.join(names[:10])}" if names else "describe it under `segments:`"
        self._add(index, "segment", f'segment "{step.document.segment}" is not known', remedy)
