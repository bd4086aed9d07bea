"""Where each view lies in each layout of the board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.workstation.viewpoint import Layout

Slot = Literal["first", "second", "third", "space"]
SIDE = 3  # rows and columns of the board


@dataclass(frozen=True)
class Arrangement:
    """Places of the views, and how rows and columns share the room.

    Parameters
    ----------
    places : dict
        Slot to row, column, and how many of both it takes; others are not shown.
    rows, columns : tuple of int
        Shares of the room.
    """

    places: dict[Slot, tuple[int, int, int, int]]
    rows: tuple[int, int, int] = (1, 0, 0)
    columns: tuple[int, int, int] = (1, 0, 0)

    def alone(self, slot: Slot) -> Arrangement:
        """Return the arrangement in which one of its views has all the room.

        Parameters
        ----------
        slot : str
            Of the view.

        Returns
        -------
        Arrangement
            With that view alone.
        """
        return Arrangement({slot: (0, 0, 1, 1)})


# First, second and third are axial, sagittal and coronal, or the planes of the needle.
ARRANGEMENTS: dict[Layout, Arrangement] = {
    Layout.FOUR: Arrangement(
        {
            "first": (0, 0, 1, 1),
            "second": (0, 1, 1, 1),
            "third": (1, 0, 1, 1),
            "space": (1, 1, 1, 1),
        },
        (1, 1, 0),
        (1, 1, 0),
    ),
    Layout.COLUMNS: Arrangement(
        {"first": (0, 0, 1, 1), "third": (0, 1, 1, 1), "second": (0, 2, 1, 1)},
        (1, 0, 0),
        (1, 1, 1),
    ),
    Layout.AXIAL_LARGE: Arrangement(
        {"first": (0, 0, 2, 1), "second": (0, 1, 1, 1), "third": (1, 1, 1, 1)},
        (1, 1, 0),
        (2, 1, 0),
    ),
    Layout.SPACE_LARGE: Arrangement(
        {
            "space": (0, 0, 3, 1),
            "first": (0, 1, 1, 1),
            "second": (1, 1, 1, 1),
            "third": (2, 1, 1, 1),
        },
        (1, 1, 1),
        (3, 1, 0),
    ),
    Layout.AXIAL_ALONE: Arrangement({"first": (0, 0, 1, 1)}),
}
