"""The colours of the screen; those of planned things are the report's."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from app.report.colours import FORBIDDEN, LESION, NEEDLE, OTHER_NEEDLE, isotherm_colours

__all__ = [
    "FORBIDDEN",
    "LESION",
    "NEEDLE",
    "OTHER_NEEDLE",
    "isotherm_colours",
    "style_sheet",
]

BACKGROUND = "#0E1419"
SURFACE = "#151D24"
RAISED = "#1D2831"
LINE = "#2C3A46"
INK = "#E8EDF2"
QUIET = "#A3B3C1"
ACCENT = "#56B4E9"
GOOD = "#2FC79A"
WARNING = "#F0E442"
BAD = "#FF8A5C"
VIEW = "#000000"
BONE = "#E8DCC8"
CALLIPER = "#FFFFFF"
MEASURED = "#F5D76E"  # lengths, angles and regions that were drawn
EXTRA_NEEDLE = "#F0E442"  # Okabe and Ito: beside the planned one

# Okabe and Ito, for the contours of structures; forbidden ones share one colour.
STRUCTURE_COLOURS = {"avoid": "#D9A441", "passable": "#9BB3C7"}

# Skin that gives access, from a poor score to a good one: viridis (van der Walt and Smith, 2015),
# even in lightness and told apart by the colour-blind; its darkest part is left out.
ACCESS_SCALE = ("#3B528B", "#2C728E", "#21918C", "#28AE80", "#5EC962", "#ADDC30", "#FDE725")
SKIN_NEAR, SKIN_CLOSED, SKIN_COUCH = "#A89C94", "#77706C", "#23262A"

# What the style sheet writes as @name.
NAMED = {
    "background": BACKGROUND,
    "surface": SURFACE,
    "raised": RAISED,
    "line": LINE,
    "ink": INK,
    "quiet": QUIET,
    "accent": ACCENT,
    "good": GOOD,
    "warning": WARNING,
    "bad": BAD,
}


def rgb(colour: str) -> tuple[float, float, float]:
    """Return a colour as shares of red, green and blue.

    Parameters
    ----------
    colour : str
        ``#RRGGBB``.

    Returns
    -------
    tuple of float
        0 to 1.
    """
    red, green, blue = (int(colour[n : n + 2], 16) / 255.0 for n in (1, 3, 5))
    return red, green, blue


@cache
def style_sheet() -> str:
    """Return the style sheet with its colours filled in."""
    text = files("app.workstation.style").joinpath("osteoplan.qss").read_text(encoding="utf-8")
    for name in sorted(NAMED, key=len, reverse=True):
        text = text.replace(f"@{name}", NAMED[name])
    icons = str(files("resources").joinpath("icons")).replace("\\", "/")
    return text.replace("@icons", icons)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, relative luminance).

    Parameters
    ----------
    one, other : str
        ``#RRGGBB``.

    Returns
    -------
    float
        1 to 21.
    """
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
