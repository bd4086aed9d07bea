"""A small treatment that takes a fraction of a second a sample."""

from __future__ import annotations

import pytest

from planning.ablation.request import TreatmentRequest
from planning.ablation.solver.protocol import Mode, Phase
from tests.planning.ablation.test_treatment import request


@pytest.fixture(scope="session")
def quick() -> TreatmentRequest:
    """A short freeze on coarse cells."""
    return request(protocol=(Phase(mode=Mode.FREEZE, seconds=120),), spacing_mm=3.0)
