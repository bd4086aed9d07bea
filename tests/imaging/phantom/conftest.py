"""Blocks around the lesion of each case, made once and only when asked for."""

from __future__ import annotations

import pytest

from imaging.phantom.cases import GeneratedCase, generate


class CloseCases(dict[str, GeneratedCase]):
    """A fine block around the lesion of a case, by name."""

    def __missing__(self, name: str) -> GeneratedCase:
        self[name] = generate(name, spacing_mm=1.0, margin_mm=20.0)
        return self[name]


@pytest.fixture(scope="session")
def close() -> CloseCases:
    """A fine block around the lesion of each case."""
    return CloseCases()
