"""What every part of schedules.yaml has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A part of the plan: keys that are not described are refused, and its title is its class's name."""

    model_config = ConfigDict(extra="forbid", model_title_generator=lambda model: model.__name__[: -len("Document")])
