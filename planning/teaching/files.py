"""The exercise file: exercise and CT open, the reference sealed."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from imaging.document import Document
from imaging.errors import Problem
from imaging.geometry import BoolArray, Grid
from imaging.progress import SILENT, Progress
from imaging.structures.labels import structures_from
from imaging.structures.model import Structure, Structures
from imaging.volume import SeriesInfo, Volume
from planning.errors import PlanningError
from planning.library.archive import PACKINGS, ZIP_ERRORS
from planning.plan import Case
from planning.procedure import with_lesion, with_structures
from planning.teaching.answer import Answer, pack, unpack
from planning.teaching.answer import with_structures as on_structures
from planning.teaching.exercise import Exercise, Generated, Kept, exercise_from
from planning.teaching.marking.table import check_weights
from planning.teaching.sealing import Seal, seal, unseal

ENDING = ".osteoexercise"
EXERCISE, SEAL, REFERENCE = "exercise.json", "seal.json", "reference.sealed"
GRID, VALUES = "grid.json", "values.i2"
OUTLINE, LABELS, TABLE = "outline.bits", "labels.u2", "structures.json"
MOST_BYTES = {EXERCISE: 1 << 20, SEAL: 1 << 12, REFERENCE: 1 << 28, GRID: 1 << 16, TABLE: 1 << 22}
MOST_OF_ARRAYS = 1 << 32
PATIENT_NAME = "Osteoplan^Exercise"
FOUND_BY = "exercise"
Held = TypeVar("Held")


@dataclass(frozen=True, eq=False)
class Material:
    """The CT of an exercise with what is true of it.

    Parameters
    ----------
    volume : Volume
        The CT.
    lesion : numpy.ndarray or None
        Shape of the volume, bool; None where only the reference holds it.
    structures : Structures or None
        On its grid; None where only the reference holds them.
    """

    volume: Volume
    lesion: BoolArray | None = None
    structures: Structures | None = None


class _Kept(Document):
    """Geometry of a CT that lies in the file."""

    size_kji: tuple[int, int, int]
    affine_kji_to_lps: tuple[tuple[float, float, float, float], ...]
    patient_position: str = ""
    max_position_error_mm: float = 0.0


@dataclass(frozen=True)
class ExerciseFile:
    """An exercise file, whose reference stays sealed.

    Parameters
    ----------
    path : Path
        The file.
    exercise : Exercise
        What it says.
    seal : Seal
        How its reference is sealed.
    """

    path: Path
    exercise: Exercise
    seal: Seal

    @property
    def is_examination(self) -> bool:
        """Whether a teacher's passphrase opens the reference."""
        return self.seal.kind == "passphrase"

    def material(self, progress: Progress = SILENT) -> Material:
        """Return the CT with what may be known of it.

        Parameters
        ----------
        progress : Progress
            Told while it is generated or read.

        Returns
        -------
        Material
            The last generated one is kept, so that the hand-in need not wait again.

        Raises
        ------
        Refusal
            When the file is damaged, or there is no such generated case.
        """
        return material_of(self.exercise, progress, self.path)

    def series(self, progress: Progress = SILENT) -> tuple[Volume, Case]:
        """Return the CT and the case that the resident begins with.

        Parameters
        ----------
        progress : Progress
            Told while it is prepared.

        Returns
        -------
        tuple
            Volume, and a case with what is given and nothing else.

        Raises
        ------
        Refusal
            When the file is damaged.
        """
        made = self.material(progress.part(0.0, 0.7))
        return made.volume, self.starting(made)

    def starting(self, made: Material) -> Case:
        """Return the case that the resident begins with.

        Parameters
        ----------
        made : Material
            Of this exercise.

        Returns
        -------
        Case
            With what is given and nothing else.

        Raises
        ------
        Refusal
            When the file promises what it does not hold.
        """
        given = self.exercise.given
        begun = Case.begin(made.volume).with_plan(answers=given.answers, name=self.exercise.id)
        if given.structures:
            begun = with_structures(begun, _held(made.structures, self.path), made.volume)
        if given.outline:
            begun = with_lesion(begun, made.volume, _held(made.lesion, self.path))
        return begun.with_plan(answers=given.answers)

    def write_series(self, folder: Path, progress: Progress = SILENT) -> Path:
        """Write the CT as a DICOM series.

        Parameters
        ----------
        folder : Path
            Made when absent; must hold no DICOM.
        progress : Progress
            Told after each slice.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        Refusal
            When the folder holds DICOM or cannot be written.
        """
        from imaging.dicom.write import write_ct_series

        volume = self.material(progress.part(0.0, 0.6)).volume
        write_ct_series(
            volume,
            folder,
            description=f"Osteoplan exercise {self.exercise.id}"[:64],
            patient_name=PATIENT_NAME,
            series_uid=volume.series.uid,
            progress=progress.part(0.6, 1.0),
        )
        return folder

    def open_reference(self, made: Material, passphrase: str | None = None) -> Answer:
        """Open the seal; the hand-in is on record before anybody calls this.

        Parameters
        ----------
        made : Material
            Of this exercise, whose structures the reference takes where it holds none.
        passphrase : str or None
            Of the teacher, for an examination.

        Returns
        -------
        Answer
            The reference.

        Raises
        ------
        PlanningError
            When the passphrase is lacking or wrong, or the file is damaged.
        """
        closed = part_of(self.path, REFERENCE)
        reference = unpack(unseal(self.seal, closed, self.exercise.digest, passphrase))
        if reference.case.structures is None and made.structures is not None:
            return on_structures(reference, made.structures)
        return reference


def material_of(
    exercise: Exercise, progress: Progress = SILENT, path: Path | None = None
) -> Material:
    """Return the CT of an exercise with what may be known of it.

    Parameters
    ----------
    exercise : Exercise
        Whose source tells where it comes from.
    progress : Progress
        Told while it is generated or read.
    path : Path or None
        File that holds it; None for a generated one.

    Returns
    -------
    Material
        Named after the exercise, so that nothing tells what is to be found.

    Raises
    ------
    Refusal
        When the file is damaged, or there is no such generated case.
    """
    source = exercise.source
    if isinstance(source, Generated):
        made = _generated(source, progress)
    else:
        made = _read_material(path or Path(), source)
        progress.update(1.0, "series read")
    named = replace(made.volume.series, description=exercise.id)
    return replace(made, volume=Volume(made.volume.hu, made.volume.grid, named))


def read_exercise(path: Path) -> ExerciseFile:
    """Read an exercise file; its reference stays sealed, its CT unread.

    Parameters
    ----------
    path : Path
        Ends in ``.osteoexercise``.

    Returns
    -------
    ExerciseFile
        Checked.

    Raises
    ------
    PlanningError
        When it is none, damaged, or from a newer version.
    """
    try:
        data = json.loads(part_of(path, EXERCISE))
        how = Seal.model_validate_json(part_of(path, SEAL))
    except (ValueError, RecursionError):
        raise _damaged(path) from None
    exercise = exercise_from(data, str(path))
    check_weights(exercise)
    return ExerciseFile(path, exercise, how)


def write_exercise(
    path: Path,
    exercise: Exercise,
    series: Material | None,
    reference: Answer,
    passphrase: str | None = None,
) -> ExerciseFile:
    """Write an exercise file, whole or not at all.

    Parameters
    ----------
    path : Path
        Ends in ``.osteoexercise``; a file that is there is replaced.
    exercise : Exercise
        What it says.
    series : Material or None
        CT, with outline and structures where they are given; None for a generated one.
    reference : Answer
        To be sealed; the structures of a generated case are not kept, for they are generated too.
    passphrase : str or None
        Of the teacher, for an examination.

    Returns
    -------
    ExerciseFile
        As written.

    Raises
    ------
    PlanningError
        When the CT is not the one that the exercise names, or the place cannot be written.
    """
    check_weights(exercise)
    is_kept = isinstance(exercise.source, Kept)
    content = pack(reference, with_structures=is_kept)
    how, closed = seal(content, exercise.digest, passphrase)
    parts: dict[str, bytes] = {
        EXERCISE: exercise.model_dump_json(by_alias=True, indent=1).encode(),
        SEAL: how.model_dump_json().encode(),
        REFERENCE: closed,
    }
    if isinstance(exercise.source, Kept):
        if series is None or series.volume.checksum != exercise.source.checksum:
            message = "the CT is not the one that the exercise names; give the CT it was made on"
            raise PlanningError(Problem(code="other_ct", message=message, where=str(path)))
        parts |= _material_parts(series, exercise)
    _write(path, parts)
    return ExerciseFile(path, exercise, how)


def _material_parts(series: Material, exercise: Exercise) -> dict[str, bytes]:
    volume = series.volume
    rows = [[float(n) for n in row] for row in volume.grid.affine_kji_to_lps]
    kept = _Kept(
        size_kji=volume.grid.size_kji,
        affine_kji_to_lps=tuple((r[0], r[1], r[2], r[3]) for r in rows),
        patient_position=volume.series.patient_position,
        max_position_error_mm=volume.series.max_position_error_mm,
    )
    parts = {
        GRID: kept.model_dump_json().encode(),
        VALUES: np.ascontiguousarray(volume.hu, "<i2").tobytes(),
    }
    if exercise.given.outline:
        parts[OUTLINE] = np.packbits(_held(series.lesion, None)).tobytes()
    if exercise.given.structures:
        found = _held(series.structures, None)
        table = [row.model_dump(mode="json", by_alias=True) for row in found.table]
        parts[TABLE] = json.dumps(table).encode()
        parts[LABELS] = np.ascontiguousarray(found.labels, "<u2").tobytes()
    return parts


def _write(path: Path, parts: dict[str, bytes]) -> None:
    draft = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
                for name, content in parts.items():
                    packed.writestr(name, content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        message = (
            f"the exercise cannot be written ({error.strerror}); choose another folder, or free "
            "space on the disk"
        )
        raise PlanningError(
            Problem(code="cannot_write", message=message, where=str(path))
        ) from None


_LAST: dict[Generated, Material] = {}  # one: an exercise is opened and handed in on the same CT


def _generated(source: Generated, progress: Progress) -> Material:
    from imaging.phantom.cases import generate

    if source not in _LAST:
        made = generate(
            source.case,
            spacing_mm=source.spacing_mm_kji,
            margin_mm=source.margin_mm,
            seed=source.seed,
            progress=progress,
        )
        found = structures_from(made.labels, made.volume.grid, made.names, FOUND_BY)
        _LAST.clear()
        _LAST[source] = Material(made.volume, made.lesion, found)
    progress.update(1.0, "series generated")
    return _LAST[source]


def _read_material(path: Path, source: Kept) -> Material:
    try:
        kept = _Kept.model_validate_json(part_of(path, GRID))
        grid = Grid(kept.size_kji, np.array(kept.affine_kji_to_lps))
        hu = np.frombuffer(part_of(path, VALUES), "<i2").reshape(grid.size_kji).astype(np.int16)
        info = SeriesInfo(
            uid=source.uid,
            path="",
            patient_position=kept.patient_position,
            max_position_error_mm=kept.max_position_error_mm,
        )
        volume = Volume(hu, grid, info)
        lesion, structures = _read_outline(path, grid), _read_structures(path, grid)
    except ValueError:
        raise _damaged(path) from None
    if volume.checksum != source.checksum:
        raise _damaged(path)
    return Material(volume, lesion, structures)


def _read_outline(path: Path, grid: Grid) -> BoolArray | None:
    content = part_of(path, OUTLINE, needed=False)
    if not content:
        return None
    bits = np.unpackbits(np.frombuffer(content, np.uint8), count=int(np.prod(grid.size_kji)))
    return bits.reshape(grid.size_kji).astype(bool)


def _read_structures(path: Path, grid: Grid) -> Structures | None:
    content = part_of(path, LABELS, needed=False)
    if not content:
        return None
    labels = np.frombuffer(content, "<u2").reshape(grid.size_kji).astype(np.uint16)
    rows = json.loads(part_of(path, TABLE))
    return Structures(labels, grid, tuple(Structure.model_validate(row) for row in rows))


def part_of(path: Path, name: str, *, needed: bool = True) -> bytes:
    """Return a part of an exercise file, never more than any that is written.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Of the part.
    needed : bool
        Whether the file is damaged without it.

    Returns
    -------
    bytes
        Empty where it is absent and not needed.

    Raises
    ------
    PlanningError
        When the file cannot be read or is damaged.
    """
    if not path.is_file():
        message = "there is no such exercise; check the path"
        raise PlanningError(Problem(code="not_found", message=message, where=str(path)))
    try:
        with zipfile.ZipFile(path) as packed:
            if name not in packed.namelist():
                if needed:
                    raise _damaged(path)
                return b""
            told = packed.getinfo(name)
            if told.file_size > MOST_BYTES.get(name, MOST_OF_ARRAYS):
                raise _damaged(path)
            if told.compress_type not in PACKINGS:
                raise _damaged(path)
            return packed.read(name)
    except ZIP_ERRORS:
        raise _damaged(path) from None
    except OSError as error:
        message = f"the exercise cannot be read ({error.strerror}); check its rights"
        raise PlanningError(
            Problem(code="not_readable", message=message, where=str(path))
        ) from None


def _held(held: Held | None, path: Path | None) -> Held:
    if held is None:
        message = "the exercise gives an outline or structures that it does not hold; make it again"
        raise PlanningError(Problem(code="gives_nothing", message=message, where=str(path or "")))
    return held


def _damaged(path: Path) -> PlanningError:
    message = (
        "the file is not an exercise of Osteoplan, or is damaged; choose an .osteoexercise file, "
        "or get a new copy"
    )
    return PlanningError(Problem(code="not_an_exercise", message=message, where=str(path)))
