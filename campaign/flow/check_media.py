"""check, of what posts show: everything is made as it would be sent, and its words are held to the letter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from campaign.errors import BadInput, Problem
from campaign.flow import letter as letters
from campaign.flow.fit_media import Album
from campaign.model.bundle import Bundle
from campaign.model.wave import PlannedWave


def shown(
    bundle: Bundle,
    waves: Sequence[PlannedWave],
    parts: Mapping[PlannedWave, int],
    *,
    files: Mapping[str, bytes],
    album: Album,
    declared: Mapping[str, str],
) -> Iterator[Problem]:
    """What is wrong with the pictures, videos, cards and link cards of a step's posts.

    ``parts`` is how many a wave's post has, where that is known. What was fitted is kept in ``album``.
    """
    source = bundle.message.post_for(bundle.step.channel)
    if source is None or not (source.media or source.link_card):
        return
    from campaign.flow.illustrate import illustrate  # noqa: PLC0415 - Pillow, only where there are pictures

    for wave in waves:
        try:
            made = illustrate(
                bundle, number=wave.number, due_at=wave.due_at, files=files, parts=parts.get(wave), album=album
            )
        except BadInput as bad:
            yield from bad.problems
            continue
        for said in made.said:
            problems = letters.check(
                text=said.text,
                file=source.body.file,
                where=f'step "{bundle.step.id}"',
                letter=bundle.letter,
                declared=declared,
                language=source.language or bundle.plan.language,
            )
            yield from (replace(problem, line=said.line) for problem in problems)
