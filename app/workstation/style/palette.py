"""The colours of the screen; those of planned things are the report's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class Theme:
    """The colours of everything around the views; the views themselves are always dark.

    Parameters
    ----------
    name : str
        ``dark`` or ``light``.
    background, surface, raised, line : str
        From the farthest to the nearest, and borders.
    ink, quiet, disabled : str
        Of texts.
    accent, accent_hover, on_accent : str
        Of what can be done, and of the text on it.
    good, warning, bad : str
        Of messages.
    good_back, good_line, warning_back, warning_line, bad_back, bad_line : str
        Behind messages and around them.
    chosen, selection, alternate, box : str
        Behind what is chosen or selected, every second row, around a box to tick.
    icons : str
        Ending of the names of icons for this theme.
    """

    name: str
    background: str
    surface: str
    raised: str
    line: str
    ink: str
    quiet: str
    disabled: str
    accent: str
    accent_hover: str
    on_accent: str
    good: str
    warning: str
    bad: str
    good_back: str
    good_line: str
    warning_back: str
    warning_line: str
    bad_back: str
    bad_line: str
    chosen: str
    selection: str
    alternate: str
    box: str
    icons: str


DARK = Theme(
    name="dark", background="#0E1419", surface="#151D24", raised="#1D2831", line="#2C3A46",
    ink="#E8EDF2", quiet="#A3B3C1", disabled="#7C8B98", accent="#56B4E9", accent_hover="#7CC8F2",
    on_accent="#06131C", good="#2FC79A", warning="#F0E442", bad="#FF8A5C", good_back="#12291F",
    good_line="#1F5F49", warning_back="#2A2A16", warning_line="#6B6724", bad_back="#33201A",
    bad_line="#7A4230", chosen="#17384B", selection="#17506F", alternate="#18212A",
    box="#6D7F8F", icons="",
)  # fmt: skip
LIGHT = Theme(
    name="light", background="#F3F6F8", surface="#FFFFFF", raised="#E6ECF1", line="#B9C6D1",
    ink="#14202B", quiet="#465664", disabled="#667582", accent="#005F96", accent_hover="#00528A",
    on_accent="#FFFFFF", good="#0A6348", warning="#6B4E00", bad="#A2360A", good_back="#E2F4EC",
    good_line="#7FC2A6", warning_back="#FBF3D4", warning_line="#CFB45A", bad_back="#FBE9E1",
    bad_line="#DD9F84", chosen="#D3E8F5", selection="#C3DFF0", alternate="#F6F9FB",
    box="#5C6D7B", icons="-light",
)  # fmt: skip
THEMES = {"dark": DARK, "light": LIGHT}
_used = [DARK]


def theme() -> Theme:
    """Return the theme in use."""
    return _used[0]


def use_theme(name: str) -> Theme:
    """Use another theme; what is drawn already has to be drawn anew.

    Parameters
    ----------
    name : str
        Key of :data:`THEMES`; an unknown one is the dark theme.

    Returns
    -------
    Theme
        The one in use now.
    """
    _used[0] = THEMES.get(name, DARK)
    return _used[0]


# Over the views, which are dark in every theme.
SURFACE, RAISED, LINE = DARK.surface, DARK.raised, DARK.line
INK, QUIET, ACCENT = DARK.ink, DARK.quiet, DARK.accent
GOOD, WARNING, BAD = DARK.good, DARK.warning, DARK.bad
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


def style_sheet() -> str:
    """Return the style sheet with the colours of the theme filled in."""
    text = files("app.workstation.style").joinpath("osteoplan.qss").read_text(encoding="utf-8")
    colours = asdict(theme())
    for name in sorted(colours, key=len, reverse=True):
        if name not in ("name", "icons"):
            text = text.replace(f"@{name}", colours[name])
    icons = str(files("resources").joinpath("icons")).replace("\\", "/")
    return text.replace("@icons", icons).replace("@theme", colours["icons"])


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
