"""threads: part after part, each only while the claim holds."""

from __future__ import annotations

from typing import Any

import orjson

from campaign.channels.threads import post_in_order
from campaign.model.batch import Payload, PostBatch, PostPart
from campaign.model.outcome import Accepted, Deferred, Outcome
from tests.builders import T0

PARTS = [PostPart(seq, f"key{seq}", f"part {seq}") for seq in range(4)]
PAYLOAD = Payload([orjson.dumps({"text": part.text}) for part in PARTS])


def test_no_part_leaves_once_the_claim_may_have_run_out() -> None:
    answers = iter([True, True, False, True])
    posted: list[str] = []

    def post(chunk: Any, _parent: str | None) -> Outcome:
        posted.append(chunk["text"])
        return Accepted(str(len(posted)))

    batch = PostBatch(1, "national", PARTS, made_at=T0, holds=lambda: next(answers))
    outcomes = post_in_order(batch, PAYLOAD, post)
    assert posted == ["part 0", "part 1"]
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Deferred, Deferred]
