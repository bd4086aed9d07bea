"""An answer: an ordinary plan with the statement beside it, and how both are kept."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from imaging.errors import Problem
from imaging.geometry import BoolArray
from imaging.structures.model import Structures
from planning.ablation.results import TreatmentSummary
from planning.access.request import Proposal
from planning.errors import PlanningError
from planning.plan import Case, Plan
from planning.teaching.exercise import Statement

STAMP = (1980, 1, 1, 0, 0, 0)  # the same answer is the same bytes
MOST_BYTES = 400_000_000  # of one part; labels of a large CT have about 300 MB


@dataclass(frozen=True, eq=False)
class Answer:
    """What was handed in, or the reference: both have the same shape.

    Parameters
    ----------
    case : Case
        The plan, with outline, way, device and answers.
    statement : Statement
        What was decided by hand.
    elapsed_s : float
        Time that it took.
    treatments : tuple of TreatmentSummary
        Of an answer that was kept: what was simulated, without fields.
    """

    case: Case
    statement: Statement
    elapsed_s: float
    treatments: tuple[TreatmentSummary, ...] = ()

    @property
    def simulated(self) -> tuple[TreatmentSummary, ...]:
        """What was simulated, whether or not its fields are there."""
        return self.case.plan.simulation or self.treatments


def pack(answer: Answer, *, with_structures: bool = False) -> bytes:
    """Return an answer as bytes; thermal fields are left out, for marking computes them anew.

    Parameters
    ----------
    answer : Answer
        To be kept.
    with_structures : bool
        Whether the label map goes with it.

    Returns
    -------
    bytes
        The same for the same answer.
    """
    case = answer.case
    plan = _bare(case.plan)
    rows = TypeAdapter(tuple[TreatmentSummary, ...]).dump_json(answer.simulated, by_alias=True)
    parts: dict[str, bytes] = {
        "plan.json": plan.model_dump_json(by_alias=True).encode(),
        "statement.json": answer.statement.model_dump_json().encode(),
        "treatments.json": rows,
        "answer.json": json.dumps({"elapsed_s": float(answer.elapsed_s)}).encode(),
    }
    if case.lesion is not None:
        parts["lesion.bits"] = np.packbits(case.lesion).tobytes()
    if with_structures and case.structures is not None:
        parts["labels.u2"] = case.structures.labels.astype("<u2").tobytes()
    return zipped(parts)


def unpack(content: bytes) -> Answer:
    """Return an answer that was packed.

    Parameters
    ----------
    content : bytes
        Of :func:`pack`.

    Returns
    -------
    Answer
        Without thermal fields.

    Raises
    ------
    PlanningError
        When the content is damaged.
    """
    try:
        parts = unzipped(content)
        plan = Plan.model_validate_json(parts["plan.json"])
        size = plan.series.size_kji
        labels = _array(parts, "labels.u2", size)
        structures = None
        if labels is not None:
            structures = Structures(labels, plan.series.grid, plan.structures, plan.levels)
        rows = TypeAdapter(tuple[TreatmentSummary, ...]).validate_json(parts["treatments.json"])
        return Answer(
            Case(plan, _bits(parts, size), structures),
            Statement.model_validate_json(parts["statement.json"]),
            float(json.loads(parts["answer.json"])["elapsed_s"]),
            rows,
        )
    except (KeyError, ValueError, ValidationError, zipfile.BadZipFile, zlib.error) as error:
        message = f"the answer is damaged ({type(error).__name__}); restore it from a copy"
        raise PlanningError(Problem(code="answer_damaged", message=message)) from None


def zipped(parts: dict[str, bytes]) -> bytes:
    """Return parts as a zip file that is the same for the same parts.

    Parameters
    ----------
    parts : dict
        By name.

    Returns
    -------
    bytes
        The zip file.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for name, content in parts.items():
            packed.writestr(zipfile.ZipInfo(name, STAMP), content, zipfile.ZIP_DEFLATED, 6)
    return buffer.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    """Return the parts of a zip file.

    Parameters
    ----------
    content : bytes
        The zip file.

    Returns
    -------
    dict
        By name.

    Raises
    ------
    ValueError
        When a part is larger than any that is written.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(one.file_size for one in packed.infolist()) > 4 * MOST_BYTES:
            message = "a part is too large"
            raise ValueError(message)
        return {one.filename: packed.read(one) for one in packed.infolist()}


def _bare(plan: Plan) -> Plan:
    """Return a plan without what needs arrays that are not kept, and without other ways in."""
    access = plan.access
    if access is not None:
        kept = tuple(one for one in (*access.proposals, *access.front) if one == plan.chosen)
        access = access.model_copy(update={"proposals": kept, "front": (), "elapsed_s": 0.0})
    return plan.model_copy(
        update={
            "access": access,
            "simulation": (),
            "ablation_search": None,
            "uncertainty": (),
            "recommendation": None,
            "comparison": None,
        }
    )


def _bits(parts: dict[str, bytes], size: tuple[int, int, int]) -> BoolArray | None:
    if "lesion.bits" not in parts:
        return None
    count = int(np.prod(size))
    bits = np.unpackbits(np.frombuffer(parts["lesion.bits"], np.uint8), count=count)
    return bits.reshape(size).astype(bool)


def _array(
    parts: dict[str, bytes], name: str, size: tuple[int, int, int]
) -> NDArray[np.uint16] | None:
    if name not in parts:
        return None
    return np.frombuffer(parts[name], "<u2").reshape(size).astype(np.uint16)


def with_structures(answer: Answer, structures: Structures) -> Answer:
    """Return an answer on structures that were not kept with it.

    Parameters
    ----------
    answer : Answer
        As unpacked.
    structures : Structures
        On the grid of the series.

    Returns
    -------
    Answer
        With them.
    """
    return replace(answer, case=replace(answer.case, structures=structures))


def chosen_row(answer: Answer) -> TreatmentSummary | None:
    """Return the simulation that an answer stands by: of its device, else of its technique.

    Parameters
    ----------
    answer : Answer
        Any.

    Returns
    -------
    TreatmentSummary or None
        The last that fits; None where none does.
    """
    stated = answer.statement
    rows = list(answer.simulated)
    if stated.device is not None:
        rows = [row for row in rows if row.device == stated.device]
    elif stated.technique is not None:
        rows = [row for row in rows if row.technique == stated.technique]
    return rows[-1] if rows else None


def ways_of_case(case: Case) -> tuple[Proposal, ...]:
    """Return the ways that a plan takes: those of its set of needles, or the chosen one.

    Parameters
    ----------
    case : Case
        Any state.

    Returns
    -------
    tuple of Proposal
        Empty where none was chosen.
    """
    plan = case.plan
    if plan.needle_set is not None:
        return plan.needle_set.needles
    return () if plan.chosen is None else (plan.chosen,)
