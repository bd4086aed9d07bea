"""The generated body as data: layers of tissue, painted one over the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imaging.phantom.solids import Shape


@dataclass(frozen=True)
class Tissue:
    """What a solid is made of. Values are native CT at 120 kV.

    Parameters
    ----------
    hu : float
        Mean.
    texture_hu : float
        Deviation within the tissue, beside the scanner's noise.
    grain_mm : tuple of float
        Size of that texture's grains along x, y and z.
    shell_hu : float
        Mean of the outermost layer: cortex of bone, skin, wall of bowel.
    shell_mm : float
        Thickness of that layer; 0 for none.
    """

    hu: float
    texture_hu: float = 0.0
    grain_mm: tuple[float, float, float] = (3.0, 3.0, 3.0)
    shell_hu: float = 0.0
    shell_mm: float = 0.0


@dataclass(frozen=True, eq=False)
class Layer:
    """A solid of one tissue.

    Parameters
    ----------
    name : str
        Label; TotalSegmentator class name where one exists.
    shape : Shape
        Where it lies.
    tissue : Tissue
        What it is made of.
    halo_mm : float
        Width of the thin layer around it that keeps it apart from what was painted before.
    halo_hu : float
        Value of that layer: fat between muscles, cartilage between bones.
    labelled : bool
        False for what leaves the labels as they are: the couch, a lesion.
    """

    name: str
    shape: Shape
    tissue: Tissue
    halo_mm: float = 0.0
    halo_hu: float = -90.0
    labelled: bool = True


# Native CT numbers. Sources: fat −120…−80, muscle 50–65, blood 35–50, kidney 30–40, liver 50–65,
# spleen 40–55, CSF 0–15, lung −900…−800, cancellous bone 100–250, cortex 600–1400
# [BG: textbook ranges, none looked up for this table].
AIR = Tissue(-1000.0)
SUBCUTANEOUS = Tissue(-104.0, 7.0, (6.0, 6.0, 10.0), shell_hu=25.0, shell_mm=1.8)
FAT = Tissue(-100.0, 9.0, (7.0, 7.0, 7.0))
PERIRENAL = Tissue(-102.0, 7.0, (8.0, 8.0, 8.0), shell_hu=-15.0, shell_mm=0.9)
MUSCLE = Tissue(56.0, 9.0, (2.2, 2.2, 12.0))
CANCELLOUS = Tissue(175.0, 62.0, (1.5, 1.5, 2.4), shell_hu=980.0, shell_mm=1.2)
CANCELLOUS_FATTY = Tissue(110.0, 55.0, (1.8, 1.8, 2.6), shell_hu=1050.0, shell_mm=1.6)
RIB = Tissue(130.0, 45.0, (1.6, 1.6, 1.6), shell_hu=900.0, shell_mm=1.2)
FEMORAL_CORTEX = Tissue(1350.0, 40.0, (2.0, 2.0, 6.0))
FEMUR = Tissue(105.0, 52.0, (2.0, 2.0, 3.5))
FEMORAL_HEAD = Tissue(250.0, 60.0, (1.8, 1.8, 3.0))
TRABECULAE = Tissue(330.0, 60.0, (1.8, 1.8, 5.0))
FATTY_MARROW = Tissue(-35.0, 28.0, (3.0, 3.0, 6.0))
CARTILAGE = Tissue(95.0, 12.0, (3.0, 3.0, 3.0))
DISC = Tissue(78.0, 6.0, (4.0, 4.0, 4.0), shell_hu=105.0, shell_mm=5.0)
EPIDURAL_FAT = Tissue(-75.0, 8.0, (3.0, 3.0, 6.0))
CSF = Tissue(12.0)
CORD = Tissue(38.0)
NERVE = Tissue(30.0)
BLOOD = Tissue(44.0, shell_hu=50.0, shell_mm=1.2)
VEIN = Tissue(43.0)
CALCIFICATION = Tissue(650.0)
KIDNEY = Tissue(35.0, 3.0, (5.0, 5.0, 5.0))
LIVER = Tissue(58.0, 3.0, (4.0, 4.0, 4.0))
SPLEEN = Tissue(48.0, 2.0, (4.0, 4.0, 4.0))
PANCREAS = Tissue(38.0, 22.0, (4.0, 4.0, 4.0))
BILE = Tissue(8.0)
URINE = Tissue(5.0, shell_hu=38.0, shell_mm=2.5)
PROSTATE = Tissue(40.0, 5.0, (4.0, 4.0, 4.0))
SMALL_BOWEL = Tissue(18.0, 10.0, (5.0, 5.0, 5.0), shell_hu=42.0, shell_mm=1.8)
COLON = Tissue(25.0, 45.0, (3.5, 3.5, 3.5), shell_hu=42.0, shell_mm=1.8)
BOWEL_GAS = Tissue(-960.0)
LUNG = Tissue(-850.0, 28.0, (3.0, 3.0, 3.0))
COUCH = Tissue(-880.0, shell_hu=-180.0, shell_mm=1.6)
MATTRESS = Tissue(-940.0, 6.0, (3.0, 3.0, 3.0), shell_hu=-700.0, shell_mm=1.0)

# Weak bone: thinner and a little less dense shells, coarser and fewer trabeculae [BG].
WEAK_SHELL = 0.7
WEAK_SHELL_HU = 0.88
WEAK_GRAIN = 1.3
CANCELLOUS_BONES = (CANCELLOUS, CANCELLOUS_FATTY, RIB, FEMUR, FEMORAL_HEAD, TRABECULAE)


def of_density(layer: Layer, vertebral_hu: float) -> Layer:
    """Return a layer as in a patient whose vertebrae have another density.

    Parameters
    ----------
    layer : Layer
        Any; only bone is changed.
    vertebral_hu : float
        Cancellous bone of the vertebrae; other bones change in proportion.

    Returns
    -------
    Layer
        With weaker bone.
    """
    tissue = layer.tissue
    if tissue not in CANCELLOUS_BONES:
        return layer
    part = vertebral_hu / CANCELLOUS.hu
    x, y, z = tissue.grain_mm
    weak = replace(
        tissue,
        hu=tissue.hu * part,
        texture_hu=tissue.texture_hu * part**0.5,
        grain_mm=(x * WEAK_GRAIN, y * WEAK_GRAIN, z * WEAK_GRAIN),
        shell_hu=tissue.shell_hu * WEAK_SHELL_HU,
        shell_mm=tissue.shell_mm * WEAK_SHELL,
    )
    return replace(layer, tissue=weak)
