"""Refusals of the planning layer."""

from __future__ import annotations

from imaging.errors import Refusal


class PlanningError(Refusal):
    """A scenario, answers, a plan or a plan file that cannot be used."""


class NothingFeasible(Refusal):
    """Everything asked for was tried and nothing is possible; the problems are the reasons."""
