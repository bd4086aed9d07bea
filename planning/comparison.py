"""The series that a planning CT was compared with: a reference, never its pixels."""

from __future__ import annotations

from typing import Literal

import numpy as np

from imaging.document import Document
from imaging.errors import Problem
from imaging.geometry import FloatArray
from imaging.registration.model import Quality, Registration, quality_of
from imaging.registration.series import SecondSeries

Row = tuple[float, float, float, float]


class Comparison(Document):
    """Which series lies beside the planning CT, and where.

    Attributes
    ----------
    uid, path, checksum, description, modality, unit : str
        Of the series; the checksum is that of its values as they are read.
    days_apart : int or None
        Days from the planning CT to the series.
    is_anonymised : bool
        Whether the user said that identifiers mean nothing in these data.
    moving_to_fixed_lps : tuple or None
        Four rows of four numbers; None while nothing lays the series on the CT.
    found_by : str
        ``frame_of_reference``, ``bone`` or ``by_hand``; empty while nothing was found.
    residual_mm : float or None
        As :class:`imaging.registration.model.Fit` has it; None where it is not measured.
    same_frame_of_reference : bool or None
        By the headers.
    problems : tuple of Problem
        What makes it unsure.
    """

    uid: str
    path: str
    checksum: str
    description: str
    modality: str
    unit: str
    days_apart: int | None = None
    is_anonymised: bool = False
    moving_to_fixed_lps: tuple[Row, Row, Row, Row] | None = None
    found_by: Literal["", "frame_of_reference", "bone", "by_hand"] = ""
    residual_mm: float | None = None
    same_frame_of_reference: bool | None = None
    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, series: SecondSeries, *, is_anonymised: bool = False) -> Comparison:
        """Return the reference to a series that nothing lays on the CT yet.

        Parameters
        ----------
        series : SecondSeries
            As read.
        is_anonymised : bool
            Whether the user said so.

        Returns
        -------
        Comparison
            Without a motion.
        """
        info = series.volume.series
        return cls(
            uid=info.uid,
            path=info.path,
            checksum=series.volume.checksum,
            description=info.description,
            modality=info.modality,
            unit=series.unit,
            days_apart=series.days_apart,
            is_anonymised=is_anonymised,
        )

    def laid(self, found: Registration) -> Comparison:
        """Return the comparison with a motion.

        Parameters
        ----------
        found : Registration
            Of this series.

        Returns
        -------
        Comparison
            With what is known of the fit.
        """
        update = {
            "moving_to_fixed_lps": rows_of(found.moving_to_fixed_lps),
            "found_by": found.found_by,
            "residual_mm": found.residual_mm,
            "same_frame_of_reference": found.same_frame_of_reference,
            "problems": found.problems,
        }
        return self.model_copy(update=update)

    def without_fit(self, problems: tuple[Problem, ...], same_frame: bool | None) -> Comparison:
        """Return the comparison with the reasons why nothing fits.

        Parameters
        ----------
        problems : tuple of Problem
            Why.
        same_frame : bool or None
            Whether the frames of reference are the same.

        Returns
        -------
        Comparison
            Without a motion.
        """
        return self.model_copy(update={"problems": problems, "same_frame_of_reference": same_frame})

    @property
    def matrix(self) -> FloatArray | None:
        """Shape (4, 4), from the series to the CT; None while nothing lays it there."""
        return None if self.moving_to_fixed_lps is None else np.array(self.moving_to_fixed_lps)

    @property
    def quality(self) -> Quality:
        """How good the fit is, in a word."""
        return quality_of(self.residual_mm)


def rows_of(matrix: FloatArray) -> tuple[Row, Row, Row, Row]:
    """Return a matrix as a plan keeps it.

    Parameters
    ----------
    matrix : numpy.ndarray
        Shape (4, 4).

    Returns
    -------
    tuple
        Four rows of four numbers.
    """
    a, b, c, d = ((float(r[0]), float(r[1]), float(r[2]), float(r[3])) for r in matrix)
    return a, b, c, d
