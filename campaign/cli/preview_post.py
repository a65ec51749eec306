"""campaign preview, of a post: each part as its network gets it, with what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.flow.illustrate import Illustrated
    from campaign.model.bundle import Sources
    from campaign.model.media import Media, PartMedia
    from campaign.model.plan import Step
    from campaign.model.wave import PlannedWave


def show(sources: Sources, step: Step, wave: PlannedWave, out: Path | None) -> None:
    """The texts, and the pictures as they would be handed over; as files where there is a folder for them."""
    from campaign.flow import fit
    from campaign.flow.posting import posting

    made = posting(sources.bundle(step), number=wave.number, due_at=wave.due_at)
    pictures = _illustrated(sources, step, wave, len(made.parts))
    files: dict[str, bytes] = {}
    for number, part in enumerate(made.parts, start=1):
        heading = f"{step.channel}, part {number} of {len(made.parts)}" if len(made.parts) > 1 else step.channel
        screen.out.rule(f"{heading}: {fit.length(part, step.channel)} characters as it counts them", style="dim")
        screen.out.print(part, soft_wrap=True, markup=False)
        wrong = fit.fits(part, step.channel, warning=made.source.warning, characters=fit.longest(sources.plan, step))
        if wrong is not None:
            screen.say("Does not fit: ", wrong)
        stem = f"{step.id}.{number}"
        files[f"{stem}.txt"] = part.encode()
        for shown in pictures.parts[number - 1 : number]:
            files |= _shown(shown, pictures, stem)
    if out is not None:
        write(out, files)


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files and name each; NotConfigured where the folder cannot be written."""
    from campaign.errors import NotConfigured

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
            screen.out.print(f"Written: {folder / name}", soft_wrap=True)
    except OSError as error:
        raise NotConfigured(f"{folder} cannot be written: {error.strerror}; choose another folder") from None


def _illustrated(sources: Sources, step: Step, wave: PlannedWave, parts: int) -> Illustrated:
    """What the post shows; what is wrong with it is said, and then nothing is shown."""
    from campaign.errors import BadInput
    from campaign.flow.illustrate import Illustrated, illustrate

    bundle = sources.bundle(step)
    try:
        return illustrate(bundle, number=wave.number, due_at=wave.due_at, files=sources.media, parts=parts)
    except BadInput as bad:
        for problem in bad.problems:
            screen.say("Does not fit: ", str(problem))
        return Illustrated()


def _shown(part: PartMedia, pictures: Illustrated, stem: str) -> dict[str, bytes]:
    """Say what a part shows; its files by name."""
    files: dict[str, bytes] = {}
    for number, one in enumerate(part.media, start=1):
        files |= _medium(f"{stem}.{number}", one, pictures)
    card = part.link_card
    if card is not None:
        screen.out.print(f"\nLink card: {card.title}", style="bold", soft_wrap=True, markup=False)
        screen.out.print(f"{card.text}\n{card.url}", soft_wrap=True, markup=False)
        files[f"{stem}.link.txt"] = f"{card.title}\n{card.text}\n{card.url}\n".encode()
        if card.image is not None:
            files |= _medium(f"{stem}.link", card.image, pictures)
    return files


def _medium(stem: str, one: Media, pictures: Illustrated) -> dict[str, bytes]:
    from campaign.rendering.media_types import dimensions, ending

    name = f"{stem}.{ending(one.type)}"
    lasts = f", {one.seconds:,.1f} s" if one.seconds is not None else ""
    what = f"{name}: {dimensions(one.width, one.height)}, {one.size:,} bytes{lasts}"
    screen.out.print(f"\n{what}", style="dim", soft_wrap=True, markup=False)
    screen.out.print(f"Alternative text: {one.alt}", soft_wrap=True, markup=False)
    return {name: pictures.files[one.digest], f"{stem}.alt.txt": f"{one.alt}\n".encode()}
