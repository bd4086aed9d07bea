"""Blocks around the lesion of each case, made once and only when asked for."""

from __future__ import annotations

import pytest

from imaging.phantom.cases import GeneratedCase, cases, generate

# Bones with thin and with thick cortex, of both bodies; all the cases wait for the long run.
ALWAYS = {"vertebra", "rib", "posterior_wall_breach", "femur", "scapula", "cord_compression"}
EACH_CASE = [
    pytest.param(name, marks=[] if name in ALWAYS else [pytest.mark.long]) for name in cases()
]


class CloseCases(dict[str, GeneratedCase]):
    """A fine block around the lesion of a case, by name."""

    def __missing__(self, name: str) -> GeneratedCase:
        self[name] = generate(name, spacing_mm=1.0, margin_mm=20.0)
        return self[name]


@pytest.fixture(scope="session")
def close() -> CloseCases:
    """A fine block around the lesion of each case."""
    return CloseCases()
