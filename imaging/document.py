"""Base of everything that is written to and read from JSON."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, FiniteFloat

Vector: TypeAlias = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class Document(BaseModel):
    """A frozen, validated record; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
