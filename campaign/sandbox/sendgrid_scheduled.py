"""What SendGrid's stand-in holds until its instant: batch ids, and what is cancelled or paused of them.

It answers as https://www.twilio.com/docs/sendgrid/api-reference/cancel-scheduled-sends documents. A cancelled batch is
thrown away at its send_at; a paused one waits, and expires after 72 hours. Within ten minutes of the send_at SendGrid
promises nothing any more; here it is refused.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.sandbox.faults import Fault, NoReply
from campaign.sandbox.sendgrid_replies import INSTEAD, Window, account
from campaign.sandbox.sendgrid_rules import Refusal
from campaign.sandbox.world import World

MADE = "sendgrid.batch"
"""The journal's kind of a batch id that was made: id, at."""
CHANGED = "sendgrid.scheduled"
"""The journal's kind of a change of status: id, at, status ("cancel", "pause", or "" where it was taken back)."""
PROVIDER = "sendgrid-scheduled"
"""Under this name faults are asked of these endpoints."""
MARGIN = timedelta(minutes=10)
EXPIRES = timedelta(hours=72)
_CANCELLED = 100
"""Batches cancelled or paused at the same time, at most; SendGrid's documents also name 10."""

Change = tuple[datetime, str]
_Answer = Callable[[Request], Awaitable[Response]]


def send_at(request: Mapping[str, Any], part: Mapping[str, Any]) -> datetime | None:
    """When this personalization is to leave; None is at once."""
    asked = part.get("send_at") or request.get("send_at")
    return datetime.fromtimestamp(asked, UTC) if asked else None


def changes(world: World) -> dict[str, list[Change]]:
    """The changes of status of each batch, in order, from the journal."""
    found: dict[str, list[Change]] = {}
    for record in world.journal.records(CHANGED):
        found.setdefault(record["id"], []).append((datetime.fromisoformat(record["at"]), record["status"]))
    return found


def left_at(due_at: datetime, changed: Sequence[Change], now: datetime) -> datetime | None:
    """When mail with this send_at has left by ``now``; None where it has not."""
    if due_at > now:
        return None
    until = bisect_right(changed, due_at, key=lambda change: change[0])
    status = changed[until - 1][1] if until else ""
    if status == "":
        return due_at
    if status == "cancel" or until == len(changed):
        return None
    after, then = changed[until]
    return after if then == "" and after <= due_at + EXPIRES else None


def ended(due_at: datetime, changed: Sequence[Change], now: datetime) -> bool:
    """True where mail with this send_at that has not left never will."""
    until = bisect_right(changed, due_at, key=lambda change: change[0])
    paused = bool(until) and changed[until - 1][1] == "pause" and until == len(changed)
    return due_at <= now and not (paused and now <= due_at + EXPIRES)


class Schedule:
    """Batch ids and their status, as the journal has them."""

    def __init__(self, world: World, taken: str) -> None:
        """``taken`` is the journal's kind of a request that was taken."""
        self._world = world
        self._known = {record["id"] for record in world.journal.records(MADE)}
        self._status = {batch_id: changed[-1][1] for batch_id, changed in changes(world).items()}
        self._due: dict[str, set[datetime]] = {}
        if self._known:
            for record in world.journal.records(taken):
                self.hold(record["request"])

    def check(self, request: Mapping[str, Any]) -> None:
        """Raises Refusal where a request names a batch id that was never made."""
        if "batch_id" in request and request["batch_id"] not in self._known:
            raise Refusal("The batch_id is not valid.", "batch_id")

    def hold(self, request: Mapping[str, Any]) -> None:
        """Remember when what was taken is to leave."""
        batch_id = request.get("batch_id")
        if batch_id is not None:
            instants = {send_at(request, part) or self._world.now() for part in request["personalizations"]}
            self._due.setdefault(batch_id, set()).update(instants)

    def make(self) -> str:
        batch_id = base64.urlsafe_b64encode(secrets.token_bytes(24)).decode().replace("-", "a").replace("_", "b")
        self._world.journal.append(MADE, {"id": batch_id, "at": self._world.now().isoformat()})
        self._known.add(batch_id)
        return batch_id

    def known(self, batch_id: str) -> bool:
        return batch_id in self._known

    def status(self, batch_id: str) -> str:
        return self._status.get(batch_id, "")

    def all(self) -> Iterator[dict[str, str]]:
        """Every batch that is cancelled or paused."""
        return ({"batch_id": batch_id, "status": status} for batch_id, status in self._status.items() if status)

    def change(self, batch_id: str, status: str) -> None:
        """Raises Refusal where it is too late, or where too much is cancelled or paused already."""
        now = self._world.now()
        if any(due_at - now < MARGIN for due_at in self._due.get(batch_id, ())):
            raise Refusal("The scheduled send is due within 10 minutes, or was sent.", "batch_id")
        if status and not self.status(batch_id):
            most = self._world.limits.get(PROVIDER, _CANCELLED)
            pending = sum(
                any(due_at > now for due_at in self._due.get(one["batch_id"], {now + MARGIN})) for one in self.all()
            )
            if pending >= most:
                raise Refusal(f"The maximum of {most} cancelled or paused scheduled sends is reached.", "batch_id")
        self._world.journal.append(CHANGED, {"id": batch_id, "at": now.isoformat(), "status": status})
        self._status[batch_id] = status


def routes(world: World, window: Window, schedule: Schedule) -> list[Route]:
    held = _Endpoints(world, window, schedule)
    batch, scheduled = "/v3/mail/batch", "/v3/user/scheduled_sends"
    return [
        Route(batch, held.answering(held.make), methods=["POST"]),
        Route(batch + "/{batch_id}", held.answering(held.validate), methods=["GET"]),
        Route(scheduled, held.answering(held.create), methods=["POST"]),
        Route(scheduled, held.answering(held.everything), methods=["GET"]),
        Route(scheduled + "/{batch_id}", held.answering(held.one), methods=["GET"]),
        Route(scheduled + "/{batch_id}", held.answering(held.update), methods=["PATCH"]),
        Route(scheduled + "/{batch_id}", held.answering(held.take_back), methods=["DELETE"]),
    ]


class _Endpoints:
    def __init__(self, world: World, window: Window, schedule: Schedule) -> None:
        self._world = world
        self._window = window
        self._schedule = schedule

    async def make(self, _: Request) -> Response:
        return self._window.json(201, {"batch_id": self._schedule.make()})

    async def validate(self, request: Request) -> Response:
        batch_id = request.path_params["batch_id"]
        if not self._schedule.known(batch_id):
            raise Refusal("invalid batch id", "batch_id")
        return self._window.json(200, {"batch_id": batch_id})

    async def create(self, request: Request) -> Response:
        asked = await _read(request)
        batch_id, status = asked.get("batch_id"), _status(asked)
        if not isinstance(batch_id, str) or not self._schedule.known(batch_id):
            raise Refusal("invalid batch id", "batch_id")
        if self._schedule.status(batch_id):
            raise Refusal("a status for this batch id exists; update it instead", "batch_id")
        self._schedule.change(batch_id, status)
        return self._window.json(201, {"batch_id": batch_id, "status": status})

    async def everything(self, _: Request) -> Response:
        return self._window.json(200, list(self._schedule.all()))

    async def one(self, request: Request) -> Response:
        batch_id = self._named(request)
        status = self._schedule.status(batch_id)
        return self._window.json(200, [{"batch_id": batch_id, "status": status}] if status else [])

    async def update(self, request: Request) -> Response:
        status = _status(await _read(request))
        self._schedule.change(self._stopped(request), status)
        return Response(status_code=204, headers=self._window.headers())

    async def take_back(self, request: Request) -> Response:
        self._schedule.change(self._stopped(request), "")
        return Response(status_code=204, headers=self._window.headers())

    def _named(self, request: Request) -> str:
        batch_id: str = request.path_params["batch_id"]
        if not self._schedule.known(batch_id):
            raise Refusal("batch id not found", status=404)
        return batch_id

    def _stopped(self, request: Request) -> str:
        batch_id = self._named(request)
        if not self._schedule.status(batch_id):
            raise Refusal("this scheduled send is neither cancelled nor paused", status=404)
        return batch_id

    def answering(self, answer: _Answer) -> _Answer:
        """``answer`` with the account's key, the limit, and the faults that were asked for."""

        async def answered(request: Request) -> Response:
            now = self._world.now()
            try:
                fault = self._admit(request, now)
                reply = await answer(request)
            except Refusal as refusal:
                return self._window.refused(refusal, now)
            if fault is Fault.DROP_REPLY:
                return NoReply()
            if fault is Fault.SLOW:
                await asyncio.sleep(self._world.faults.delay_s(PROVIDER))
            return reply

        return answered

    def _admit(self, request: Request, now: datetime) -> Fault | None:
        """The fault that strikes a request that is taken. Raises Refusal where it is not taken."""
        account(self._world, request)
        self._window.take(now.timestamp())
        batch_id = request.path_params.get("batch_id", "")
        fault = self._world.faults.draw(PROVIDER, f"{request.method} {batch_id}" if batch_id else "")
        if fault in INSTEAD:
            raise Refusal(*INSTEAD[fault])
        return fault


async def _read(request: Request) -> dict[str, Any]:
    try:
        asked = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise Refusal("Bad Request") from None
    if not isinstance(asked, dict):
        raise Refusal("Bad Request")
    return asked


def _status(asked: Mapping[str, Any]) -> str:
    status = asked.get("status")
    if status not in ("cancel", "pause"):
        raise Refusal("status must be one of: cancel, pause", "status")
    return str(status)
