"""Brush and eraser with their size, shape and range of values, for lesion and structures alike."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QPushButton, QSlider, QSpinBox, QVBoxLayout

from app.workstation.steps.panel import combo, label, row
from app.workstation.viewpoint import BRUSH_MM, Look, Tool, Viewpoint
from app.workstation.words import Words
from imaging.strokes import Shape

SHAPES: tuple[Shape, ...] = ("disc", "sphere")
RANGE_HU = (-1024, 3071)


def tool_button(
    words: Words, viewpoint: Viewpoint, key: str, tool: Tool, before: Callable[[], object]
) -> QPushButton:
    """Return a button that takes a tool in the hand, or lays it down.

    Parameters
    ----------
    words : Words
        Of the screen.
    viewpoint : Viewpoint
        Holds the tool.
    key : str
        Of its words.
    tool : Tool
        Taken when the button goes down.
    before : callable
        Called first, to say what the tool is for.

    Returns
    -------
    QPushButton
        Checkable; the caller shows the tool in use by checking it.
    """
    made = QPushButton(words(key))
    made.setCheckable(True)

    def take(checked: bool) -> None:
        before()
        viewpoint.change(tool=tool if checked else Tool.CROSSHAIR)

    made.clicked.connect(take)
    return made


class Brush(QVBoxLayout):
    """The controls of the brush.

    Parameters
    ----------
    words : Words
        Of the screen.
    viewpoint : Viewpoint
        Holds the brush.
    before : callable
        Called before a brush is taken, to say what it paints.
    """

    def __init__(self, words: Words, viewpoint: Viewpoint, before: Callable[[], object]) -> None:
        super().__init__()
        self._words, self._viewpoint = words, viewpoint
        self.add = tool_button(words, viewpoint, "brush.add", Tool.BRUSH_ADD, before)
        self.remove = tool_button(words, viewpoint, "brush.remove", Tool.BRUSH_REMOVE, before)
        self.addLayout(row(self.add, self.remove))
        self.size = QSlider(Qt.Orientation.Horizontal)
        self.size.setRange(int(BRUSH_MM[0]), int(BRUSH_MM[1]))
        self.size.setAccessibleName(words("brush.radius", mm=""))
        self.size.valueChanged.connect(viewpoint.set_brush)
        self._size_label = label("", "quiet")
        self._size_label.setMinimumWidth(96)
        self.shape: QComboBox = combo()
        for shape in SHAPES:
            self.shape.addItem(words(f"brush.{shape}"), shape)
        self.shape.activated.connect(
            lambda _n: viewpoint.change(brush_shape=self.shape.currentData())
        )
        self.addLayout(row(self._size_label, self.size, self.shape))
        self.limited = QCheckBox(words("brush.within"))
        self.low, self.high = QSpinBox(), QSpinBox()
        for box in (self.low, self.high):
            box.setRange(*RANGE_HU)
            box.setSuffix(" HU")
            box.setSingleStep(10)
            box.setMaximumWidth(104)
            box.lineEdit().setTextMargins(5, 0, 0, 0)
            box.valueChanged.connect(lambda _n: self._use_range())
        self.limited.toggled.connect(lambda _on: self._use_range())
        self.addLayout(row(self.limited, self.low, self.high))
        self.suggest_range(-50, 150)

    def suggest_range(self, low_hu: float, high_hu: float) -> None:
        """Set the range of values, unless it is in use.

        Parameters
        ----------
        low_hu, high_hu : float
            Both included.
        """
        if self.limited.isChecked():
            return
        for box, value in ((self.low, low_hu), (self.high, high_hu)):
            box.blockSignals(True)
            box.setValue(round(value))
            box.blockSignals(False)

    def show_look(self, look: Look, *, is_mine: bool) -> None:
        """Show the brush in use.

        Parameters
        ----------
        look : Look
            That all views share.
        is_mine : bool
            Whether the brush paints what these controls are for.
        """
        self.add.setChecked(is_mine and look.tool == Tool.BRUSH_ADD)
        self.remove.setChecked(is_mine and look.tool == Tool.BRUSH_REMOVE)
        self.size.setValue(round(look.brush_mm))
        self._size_label.setText(self._words("brush.radius", mm=f"{look.brush_mm:.0f}"))
        self.shape.setCurrentIndex(SHAPES.index(look.brush_shape))
        self.limited.blockSignals(True)
        self.limited.setChecked(look.brush_range_hu is not None)
        self.limited.blockSignals(False)
        for box in (self.low, self.high):
            box.setEnabled(look.brush_range_hu is not None)

    def set_enabled(self, enabled: bool) -> None:
        """Enable or disable both brushes.

        Parameters
        ----------
        enabled : bool
            Whether there is something to paint on.
        """
        self.add.setEnabled(enabled)
        self.remove.setEnabled(enabled)

    def _use_range(self) -> None:
        low, high = sorted((float(self.low.value()), float(self.high.value())))
        chosen = (low, high) if self.limited.isChecked() else None
        self._viewpoint.change(brush_range_hu=chosen)
