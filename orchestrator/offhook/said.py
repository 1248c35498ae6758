"""Bases of all that is said to a node and by it, see :mod:`offhook.messages`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Lower-case letters, digits and hyphens: it becomes part of an MQTT topic."),
]


class Asked(BaseModel):
    """Base of what a person writes: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Told(BaseModel):
    """Base of what the node says: frozen facts."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


CallKind = Literal["marketing", "survey", "service", "collection", "emergency"]
"""What a call is for: selling; asking; care, revisits and notices; reminders of debts; warnings of danger."""
