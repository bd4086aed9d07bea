"""One language of colours for everything planned, told apart by the colour-blind as well.

The palette is that of Okabe and Ito (Color Universal Design, 2008).
"""

from __future__ import annotations

LESION = "#E69F00"
NEEDLE = "#56B4E9"
OTHER_NEEDLE = "#8FA3AD"
FORBIDDEN = "#CC79A7"
COLD = {0.0: "#56B4E9", -20.0: "#0072B2", -40.0: "#FFFFFF"}
HEAT = {50.0: "#F0E442", 60.0: "#D55E00"}


def isotherm_colours(technique: str) -> dict[float, str]:
    """Return the isotherms that are drawn for a technique, and their colours.

    Parameters
    ----------
    technique : str
        ``cryoablation``, ``radiofrequency`` or ``microwave``.

    Returns
    -------
    dict
        Temperature in °C to colour.
    """
    return COLD if technique == "cryoablation" else HEAT


BONE, BODY, GAS, METAL = "#E8DCC8", "#C8A08A", "#0072B2", "#999999"
BY_CLASS = {"forbidden": FORBIDDEN, "avoid": "#D55E00", "passable": "#009E73"}
BONES = ("bone", "vertebra", "sacrum", "rib", "hip", "femur", "humerus", "scapula", "clavicula")


def structure_colour(name: str, passage: str) -> str:
    """Return the colour a structure is shown in by other programs.

    Parameters
    ----------
    name : str
        Structure's name.
    passage : str
        ``forbidden``, ``avoid`` or ``passable``.

    Returns
    -------
    str
        ``#RRGGBB``.
    """
    known = {"body": BODY, "lung": GAS, "bowel_gas": GAS, "metal": METAL}
    if name in known:
        return known[name]
    return BONE if name.startswith(BONES) else BY_CLASS[passage]
