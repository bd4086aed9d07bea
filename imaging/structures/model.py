"""The structures of a case: one label a voxel, one row a structure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from imaging.document import Document
from imaging.geometry import BoolArray, Grid, read_only
from imaging.structures.levels import Levels
from imaging.volume import resample

BODY = "body"
BONE = "bone"
LUNG = "lung"
SPINAL_CANAL = "spinal_canal"
BOWEL_GAS = "bowel_gas"
BODY_CAVITY = "body_cavity"
METAL = "metal"
BONE_NAMES = (
    BONE,
    "vertebra*",
    "sacrum",
    "coccyx",
    "hip_*",
    "rib_*",
    "femur_*",
    "humerus_*",
    "scapula_*",
    "clavicula_*",
    "sternum",
    "skull",
    "tibia*",
    "fibula*",
    "patella*",
)  # TotalSegmentator class names, and the plain name of what was not told apart


def is_bone(name: str) -> bool:
    """Tell whether a structure is bone, by its name.

    Parameters
    ----------
    name : str
        TotalSegmentator class name, or ``bone``.

    Returns
    -------
    bool
        True for bones.
    """
    return any(fnmatchcase(name.lower(), pattern) for pattern in BONE_NAMES)


class PassageClass(StrEnum):
    """Whether a needle may pass."""

    FORBIDDEN = "forbidden"
    AVOID = "avoid"
    PASSABLE = "passable"


class Structure(Document):
    """One structure of a case, a row of the JSON of ``osteoplan structures``.

    Attributes
    ----------
    name : str
        TotalSegmentator class name where one exists.
    label : int
        Its value in the label map.
    volume_ml : float
        Volume of its voxels; for ``body`` everything inside the skin.
    class_ : PassageClass
        Written ``class`` in JSON.
    found_by : str
        Method, in words, or the file it was taken from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str
    label: int
    volume_ml: float
    class_: PassageClass = Field(alias="class")
    found_by: str


@dataclass(frozen=True, eq=False)
class Structures:
    """All structures of a case.

    Parameters
    ----------
    labels : numpy.ndarray
        Shape ``grid.size_kji``, uint16; 0 is outside the body, or unknown in an imported map.
    grid : Grid
        Where the labels lie: the grid of the CT.
    table : tuple of Structure
        A row for each label that occurs.
    levels : Levels or None
        How the levels of the vertebrae were counted; None where none were, or not by the program.
    beneath : numpy.ndarray or None
        Same shape: the labels before anything was painted by hand; None where nothing was.
    """

    labels: NDArray[np.uint16]
    grid: Grid
    table: tuple[Structure, ...]
    levels: Levels | None = None
    beneath: NDArray[np.uint16] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", read_only(self.labels))
        if self.beneath is not None:
            object.__setattr__(self, "beneath", read_only(self.beneath))

    def names(self) -> tuple[str, ...]:
        """Return the names, in the order of the table."""
        return tuple(row.name for row in self.table)

    def named(self, name: str) -> Structure | None:
        """Return the row of a structure, or None where it was not found.

        Parameters
        ----------
        name : str
            Structure's name.

        Returns
        -------
        Structure or None
            The row.
        """
        return next((row for row in self.table if row.name == name), None)

    def free_label(self) -> int:
        """Return the smallest label that no structure has, and no voxel.

        Returns
        -------
        int
            1 or more.
        """
        used = {row.label for row in self.table}
        free = next(n for n in range(1, len(used) + 2) if n not in used)
        while (self.labels == free).any():  # voxels that no row names
            used.add(free)
            free = next(n for n in range(1, len(used) + 2) if n not in used)
        return free

    def mask(self, *names: str) -> BoolArray:
        """Return where the named structures lie; names that were not found add nothing.

        Parameters
        ----------
        *names : str
            Structures; ``body`` stands for everything inside the skin.

        Returns
        -------
        numpy.ndarray
            Shape ``grid.size_kji``, bool.
        """
        if BODY in names and self.named(BODY):
            return self.labels > 0
        wanted = [row.label for row in self.table if row.name in names]
        if not wanted:
            return np.zeros(self.labels.shape, dtype=bool)
        if len(wanted) == 1:  # many times faster than looking every voxel up
            only: BoolArray = self.labels == wanted[0]
            return only
        lookup = np.zeros(int(self.labels.max(initial=0)) + 1, dtype=bool)
        lookup[[label for label in wanted if label < len(lookup)]] = True
        result: BoolArray = lookup[self.labels]
        return result

    def bone_mask(self) -> BoolArray:
        """Return where any bone lies, whatever bones it was split into.

        Returns
        -------
        numpy.ndarray
            Shape ``grid.size_kji``, bool.
        """
        return self.mask(*(name for name in self.names() if is_bone(name)))

    def on_grid(self, target: Grid) -> Structures:
        """Return the structures on another grid, by the nearest voxel; volumes stay as measured.

        Parameters
        ----------
        target : Grid
            Where the labels are wanted.

        Returns
        -------
        Structures
            Same table.
        """
        if self.grid.same_as(target):
            return self
        moved = resample(self.labels, self.grid, target, order=0, outside=0)
        return replace(self, labels=np.rint(moved).astype(np.uint16), grid=target, beneath=None)
