"""Where one looks: the crosshair, the grey window, what is shown, which tool the pointer is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from app.workstation.planes import Planes
from imaging.document import Vector
from imaging.slabs import THICKNESSES_MM, Projection, Slab
from imaging.strokes import Shape

LEAST_WIDTH_HU = 10.0
MOST_WIDTH_HU = 5000.0
BRUSH_MM = (1.0, 15.0)
DEFAULT_SLAB_MM = 10.0
THIN, STRAIGHT = Slab(), Planes()


class Compare(StrEnum):
    """How a second series is shown with the CT."""

    OFF = "off"
    FUSED = "fused"
    SWIPE = "swipe"
    CHECKER = "checker"
    BESIDE = "beside"


class Tool(StrEnum):
    """What a left click does in a slice."""

    CROSSHAIR = "crosshair"
    CLICK_LESION = "click_lesion"
    CLICK_OUTSIDE = "click_outside"
    BRUSH_ADD = "brush_add"
    BRUSH_REMOVE = "brush_remove"
    KEEP_PART = "keep_part"
    REMOVE_PART = "remove_part"
    CALLIPERS = "callipers"
    LEVEL = "level"
    DRAW_WAY = "draw_way"
    LENGTH = "length"
    ANGLE = "angle"
    REGION = "region"
    TURN = "turn"
    WINDOW = "window"
    PAN = "pan"


class Layout(StrEnum):
    """Which views are shown, and how large."""

    FOUR = "four"
    COLUMNS = "columns"
    AXIAL_LARGE = "axial_large"
    SPACE_LARGE = "space_large"
    AXIAL_ALONE = "axial_alone"


class Rendering(StrEnum):
    """How the CT is seen in space: by its surfaces, or by the values themselves."""

    SURFACES = "surfaces"
    BONE = "bone"
    SKIN = "skin"
    VESSELS = "vessels"


@dataclass(frozen=True)
class GreyWindow:
    """Which values are drawn from black to white.

    Parameters
    ----------
    centre_hu, width_hu : float
        Hounsfield units.
    """

    centre_hu: float
    width_hu: float


MEASURING = frozenset({Tool.LENGTH, Tool.ANGLE, Tool.REGION})
CINE_PER_S = (5, 10, 15, 25)  # slices a second
BRUSHES = frozenset({Tool.BRUSH_ADD, Tool.BRUSH_REMOVE})
CLICKS = frozenset(
    {Tool.CLICK_LESION, Tool.CLICK_OUTSIDE, Tool.KEEP_PART, Tool.REMOVE_PART, Tool.LEVEL}
)

# Usual windows of CT reading [BG]; keys 1 to 4.
PRESETS: dict[str, GreyWindow] = {
    "bone": GreyWindow(400.0, 1800.0),
    "soft_tissue": GreyWindow(50.0, 400.0),
    "lung": GreyWindow(-600.0, 1500.0),
    "spine": GreyWindow(150.0, 900.0),
}


@dataclass(frozen=True)
class DrawnWay:
    """A way that is being drawn.

    Parameters
    ----------
    entry_lps_mm, target_lps_mm : Vector
        Its ends.
    against : tuple of str or None
        What it breaks, in words; None while it is not judged yet.
    """

    entry_lps_mm: Vector
    target_lps_mm: Vector
    against: tuple[str, ...] | None = None

    @property
    def length_mm(self) -> float:
        """From end to end."""
        return float(np.linalg.norm(np.subtract(self.entry_lps_mm, self.target_lps_mm)))


@dataclass(frozen=True)
class Look:
    """All that the views share.

    Parameters
    ----------
    crosshair_lps_mm : Vector
        Where the three slices meet.
    window : GreyWindow
        Of all slices.
    tool : Tool
        What a left click does.
    brush_mm : float
        Radius of the brush.
    brush_shape : str
        ``disc`` or ``sphere``.
    brush_range_hu : tuple of float or None
        Only voxels between these values are painted.
    painted_structure : str or None
        Structure that the brush paints; None paints the lesion.
    level : str
        Level that a click with the level tool gives a vertebra.
    hidden_structures : frozenset of str
        Names whose contours are not drawn.
    shows_skeleton, shows_crosshair, shows_isotherms, shows_proposals, shows_diameters : bool
        What is drawn.
    shows_skin : bool
        Whether the skin is drawn by how well it gives access, in the step of access.
    is_at_access, is_at_ablation : bool
        Whether the step of access, or of ablation, is shown.
    shows_margin : bool
        Whether the lesion is coloured by its margin, in the step of ablation.
    aims_at_crosshair : bool
        Whether ways shall end at the crosshair.
    drawn_way : DrawnWay or None
        The way that is being drawn by hand.
    shows_needle_planes : bool
        Whether slices along and across the planned needle take the place of the usual ones.
    simulation : int
        Index of the simulation whose isotherms are drawn.
    compares : Compare
        How a second series is shown.
    second_opacity : float
        Of a series that is fused: 0 to 1.
    second_range : tuple of float or None
        Of the second series from black to white, in its unit; None as it was read, or, of a CT,
        the grey window.
    slab : Slab
        How thick slices are.
    planes : Planes
        How the three linked slices lie in the patient.
    layout : Layout
        Which views are shown.
    rendering : Rendering
        How the CT is seen in space.
    is_playing : bool
        Whether slices run past by themselves.
    cine_per_s : int
        Slices a second.
    selected_annotation : int or None
        Number of the measurement that was drawn or grasped last.
    """

    crosshair_lps_mm: Vector = (0.0, 0.0, 0.0)
    window: GreyWindow = PRESETS["spine"]
    tool: Tool = Tool.CROSSHAIR
    brush_mm: float = 4.0
    brush_shape: Shape = "disc"
    brush_range_hu: tuple[float, float] | None = None
    painted_structure: str | None = None
    level: str = "L3"
    hidden_structures: frozenset[str] = frozenset({"body", "bone", "body_cavity"})
    shows_skeleton: bool = True
    shows_crosshair: bool = True
    shows_isotherms: bool = True
    shows_proposals: bool = True
    shows_diameters: bool = True
    shows_skin: bool = True
    is_at_access: bool = False
    is_at_ablation: bool = False
    shows_margin: bool = True
    aims_at_crosshair: bool = False
    drawn_way: DrawnWay | None = None
    shows_needle_planes: bool = False
    simulation: int = 0
    compares: Compare = Compare.OFF
    second_opacity: float = 0.5
    second_range: tuple[float, float] | None = None
    slab: Slab = THIN
    planes: Planes = STRAIGHT
    layout: Layout = Layout.FOUR
    rendering: Rendering = Rendering.SURFACES
    is_playing: bool = False
    cine_per_s: int = 10
    selected_annotation: int | None = None


class Viewpoint:
    """The observable look; views observe it and change it only through its methods."""

    def __init__(self) -> None:
        self.look = Look()
        self._observers: list[Callable[[Look], None]] = []

    def subscribe(self, observer: Callable[[Look], None]) -> Callable[[], None]:
        """Tell an observer of every change.

        Parameters
        ----------
        observer : callable
            Receives the new look.

        Returns
        -------
        callable
            Ends the subscription.
        """
        self._observers.append(observer)

        def unsubscribe() -> None:
            if observer in self._observers:
                self._observers.remove(observer)

        return unsubscribe

    def change(self, **changes: object) -> None:
        """Change fields of the look; observers hear of it when something really changed.

        Parameters
        ----------
        **changes : object
            Fields of :class:`Look`.
        """
        changed = replace(self.look, **changes)  # type: ignore[arg-type]
        if changed != self.look:
            self.look = changed
            for observer in tuple(self._observers):
                observer(self.look)  # which an observer before may have changed again

    def move_crosshair(self, point_lps_mm: Vector) -> None:
        """Move the place where the slices meet.

        Parameters
        ----------
        point_lps_mm : Vector
            The new place.
        """
        x, y, z = (float(n) for n in point_lps_mm)
        self.change(crosshair_lps_mm=(x, y, z))

    def set_window(self, centre_hu: float, width_hu: float) -> None:
        """Set the grey window.

        Parameters
        ----------
        centre_hu, width_hu : float
            The width is kept between 10 and 5000 HU.
        """
        width = min(max(width_hu, LEAST_WIDTH_HU), MOST_WIDTH_HU)
        self.change(window=GreyWindow(float(centre_hu), float(width)))

    def use_preset(self, name: str) -> None:
        """Set the window to a preset.

        Parameters
        ----------
        name : str
            Key of :data:`PRESETS`.
        """
        self.change(window=PRESETS[name])

    def show_structure(self, name: str, shown: bool) -> None:
        """Show or hide the contours of a structure.

        Parameters
        ----------
        name : str
            Structure's name.
        shown : bool
            Whether it is drawn.
        """
        hidden = self.look.hidden_structures
        self.change(hidden_structures=hidden - {name} if shown else hidden | {name})

    def set_brush(self, radius_mm: float) -> None:
        """Set the brush's radius.

        Parameters
        ----------
        radius_mm : float
            Kept between 1 and 15 mm.
        """
        self.change(brush_mm=min(max(float(radius_mm), BRUSH_MM[0]), BRUSH_MM[1]))

    def thicken(self, steps: int) -> None:
        """Make slices thicker or thinner.

        Parameters
        ----------
        steps : int
            Through the usual thicknesses, ending at the first and the last.
        """
        slab = self.look.slab
        nearest = int(np.argmin(np.abs(np.subtract(THICKNESSES_MM, slab.thickness_mm))))
        number = min(max(nearest + steps, 0), len(THICKNESSES_MM) - 1)
        self.change(slab=replace(slab, thickness_mm=THICKNESSES_MM[number]))

    def set_thickness(self, thickness_mm: float) -> None:
        """Set how thick slices are.

        Parameters
        ----------
        thickness_mm : float
            0 is one plane.
        """
        self.change(slab=replace(self.look.slab, thickness_mm=thickness_mm))

    def project(self, projection: Projection) -> None:
        """Set what is shown of thick slices; thin ones become thick, to show it at all.

        Parameters
        ----------
        projection : Projection
            Across the slab.
        """
        thickness_mm = self.look.slab.thickness_mm or DEFAULT_SLAB_MM
        self.change(slab=Slab(thickness_mm, projection))

    def next_projection(self) -> None:
        """Show the next of mean, maximum and minimum; of thin slices the present one."""
        slab, all_ = self.look.slab, list(Projection)
        steps = 1 if slab.thickness_mm > 0 else 0
        self.project(all_[(all_.index(slab.projection) + steps) % len(all_)])

    def next_rendering(self) -> None:
        """Show the next way to see the CT in space."""
        all_ = list(Rendering)
        self.change(rendering=all_[(all_.index(self.look.rendering) + 1) % len(all_)])

    def next_cine_speed(self) -> None:
        """Let slices run faster; after the fastest the slowest again."""
        later = [speed for speed in CINE_PER_S if speed > self.look.cine_per_s]
        self.change(cine_per_s=later[0] if later else CINE_PER_S[0])

    def straighten(self) -> None:
        """Lay the linked slices along the patient's axes again."""
        self.change(planes=STRAIGHT)
