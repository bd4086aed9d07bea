"""Refusals of the application layer."""

from __future__ import annotations

from imaging.errors import Refusal


class AppError(Refusal):
    """Files that cannot be written, exports that cannot be made."""
