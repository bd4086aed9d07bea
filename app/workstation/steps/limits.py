"""What a structure stands, and the window in which the radiologist changes it for a case."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QVBoxLayout,
    QWidget,
)

from app.workstation.steps.panel import label, ok_cancel
from app.workstation.words import Words
from planning.ablation.limits import LimitChange, limit_of

# Of each limit: least, most, and the value offered where there is none yet.
FIELDS = {
    "lowest_c": (-200.0, 37.0, 10.0),
    "highest_c": (37.0, 120.0, 45.0),
    "cem43_min": (0.1, 10000.0, 16.0),
    "clear_mm": (0.0, 100.0, 10.0),
}
UNITS = {"lowest_c": "°C", "highest_c": "°C", "cem43_min": "min", "clear_mm": "mm"}


def limit_said(words: Words, name: str, changes: tuple[LimitChange, ...]) -> str:
    """Return what a structure stands, for a table's cell.

    Parameters
    ----------
    words : Words
        Of the screen.
    name : str
        Of the structure.
    changes : tuple of LimitChange
        Of the case.

    Returns
    -------
    str
        Such as ``10–45 °C``, marked where it was set by hand; a dash without a limit.
    """
    limit = limit_of(name, changes)
    if limit is None:
        return "–"
    parts = []
    if limit.lowest_c is not None or limit.highest_c is not None:
        low = "" if limit.lowest_c is None else words.number(limit.lowest_c, 0)
        high = "" if limit.highest_c is None else words.number(limit.highest_c, 0)
        parts.append(f"{low}…{high} °C")
    elif limit.clear_mm is not None:
        parts.append(f"≥ {words.number(limit.clear_mm, 0)} mm")
    elif limit.cem43_min is not None:
        parts.append(f"CEM43 {words.number(limit.cem43_min, 0)}")
    mark = "✎ " if any(one.name == name for one in changes) else ""
    return mark + (", ".join(parts) or "–")


class LimitDialog(QDialog):
    """Asks what a structure stands in this case.

    Parameters
    ----------
    parent : QWidget
        The panel.
    words : Words
        Of the screen.
    name : str
        Of the structure.
    changes : tuple of LimitChange
        Of the case.
    """

    def __init__(
        self, parent: QWidget, words: Words, name: str, changes: tuple[LimitChange, ...]
    ) -> None:
        super().__init__(parent)
        self._name = name
        self.setWindowTitle(words("limits.title", name=words.structure(name)))
        limit = limit_of(name, changes)
        column = QVBoxLayout(self)
        source = words("limits.none") if limit is None else limit.source
        column.addWidget(label(words("limits.source", source=source), "hint"))
        form = QFormLayout()
        self.fields: dict[str, tuple[QCheckBox, QDoubleSpinBox]] = {}
        for key, (least, most, offered) in FIELDS.items():
            has, value = QCheckBox(words(f"limits.{key}")), QDoubleSpinBox()
            value.setRange(least, most)
            value.setDecimals(1)
            value.setSuffix(f" {UNITS[key]}")
            now = None if limit is None else getattr(limit, key)
            value.setValue(offered if now is None else now)
            has.setChecked(now is not None)
            value.setEnabled(now is not None)
            has.toggled.connect(value.setEnabled)
            form.addRow(has, value)
            self.fields[key] = (has, value)
        column.addLayout(form)
        column.addWidget(label(words("limits.hint"), "hint"))
        buttons = ok_cancel(self, words)
        column.addWidget(buttons)

    @property
    def change(self) -> LimitChange:
        """What was given."""
        values = {
            key: value.value() if has.isChecked() else None
            for key, (has, value) in self.fields.items()
        }
        return LimitChange(name=self._name, **values)
