"""What a structure is called in DICOM: SNOMED CT codes by the table ``structure_codes``."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from imaging.tables import load_table

CATEGORIES = {
    "anatomy": Code("91723000", "SCT", "Anatomical Structure"),
    "tissue": Code("85756007", "SCT", "Tissue"),
    "substance": Code("105590001", "SCT", "Substance"),
    "object": Code("260787004", "SCT", "Physical object"),
    "abnormal": Code("49755003", "SCT", "Morphologically Abnormal Structure"),
}  # CID 7150
TISSUE = Code("85756007", "SCT", "Tissue")
LEFT, RIGHT = codes.SCT.Left, codes.SCT.Right


@dataclass(frozen=True)
class StructureCode:
    """What a structure is, in codes.

    Parameters
    ----------
    category, kind : Code
        Segmented Property Category and Type.
    side : Code or None
        Left or right, where the name says so.
    """

    category: Code
    kind: Code
    side: Code | None


def structure_code(name: str) -> StructureCode:
    """Return the codes of a structure.

    Parameters
    ----------
    name : str
        Structure's name, as TotalSegmentator has it.

    Returns
    -------
    StructureCode
        (85756007, SCT, Tissue) for a name that no row fits.
    """
    plain = name.lower()
    parts = plain.split("_")
    side = LEFT if "left" in parts else RIGHT if "right" in parts else None
    for row in load_table("structure_codes"):
        if any(fnmatchcase(plain, pattern.lower()) for pattern in row["names"]):
            kind = Code(row["code"], "SCT", row["meaning"])
            return StructureCode(CATEGORIES[row["category"]], kind, side)
    return StructureCode(CATEGORIES["tissue"], TISSUE, side)
