"""The form of a consultation: only what matters is asked, and what the CT answers is filled in."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from app.workstation.steps.panel import button, label
from app.workstation.steps.technique.fields import Field, field_for
from app.workstation.words import Words

# Group -> keys, in the order in which a consultation asks; every key of Answers is in one of them
# but `simulation`, which only the simulator answers, and `side_confirmed`, which has a check.
GROUPS: dict[str, tuple[str, ...]] = {
    "pain": (
        "vas", "pain", "pain_severity", "opioid_failure", "prior_radiotherapy",
        "radiotherapy_possible", "test_block",
    ),
    "oncology": (
        "primary", "lesion_count", "goal", "life_expectancy_months", "who_status", "operable",
        "mdt_date",
    ),
    "lesion": (
        "bone", "level", "region", "lesion_kind", "cortical_breach",
        "lesion_length_mm", "lesion_width_mm", "lesion_volume_ml", "distance_mm.spinal_cord",
        "distance_mm.nerve_root", "distance_mm.skin", "distance_mm.bowel", "distance_mm.vessel",
        "distance_mm.joint", "foraminal", "hypervascular",
    ),
    "stability": (
        "fracture", "impending_fracture", "weight_bearing", "collapse_percent",
        "body_involved_percent", "alignment", "posterolateral", "posterior_wall_breach", "escc",
        "neurological_deficit", "long_bone_site", "long_bone_fraction",
    ),
    "safety": (
        "infection", "pregnancy", "contrast_reaction", "anaesthetic_allergy",
        "implanted_cardiac_device", "spine_surgery", "lung_fibrosis", "diabetes",
        "general_anaesthesia_possible", "prone_possible",
    ),
    "blood": (
        "inr", "platelets_g_l", "creatinine_clearance_ml_min", "antithrombotics",
    ),
    "doses": (
        "weight_kg", "frail", "anaesthetic_mixture.lidocaine_percent",
        "anaesthetic_mixture.ropivacaine_mg_ml", "anaesthetic_mixture.lidocaine_fraction",
        "skin_lidocaine_ml", "chosen_anaesthetic_ml", "needle_count",
    ),
}  # fmt: skip
NESTED = ("distance_mm", "anaesthetic_mixture")
NOT_ASKED = ("simulation", "side_confirmed")
OPEN_ENDED = ("chosen_anaesthetic_ml", "needle_count")  # asked though no rule waits for them
FIELD_WIDTH = 176  # pixels; the longest answer can be read
ENTER = {Qt.Key.Key_Return, Qt.Key.Key_Enter}


class Form(QWidget):
    """The questions.

    Parameters
    ----------
    words : Words
        Of the screen.
    first : QWidget
        Shown above the groups.
    """

    answered = Signal()

    def __init__(self, words: Words, first: QWidget) -> None:
        super().__init__()
        self._words = words
        self.fields: dict[str, Field] = {}
        self._names: dict[str, QLabel] = {}
        self._headings: dict[str, QLabel] = {}
        self._missing: tuple[str, ...] = ()
        self._all = False
        self._measured: dict[str, Any] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(6)
        column.addWidget(first)
        self._count = label("", "quiet")
        self._confirm = button("", self.confirm_measured)
        self._show_all = button("", self._toggle_all)
        column.addWidget(self._count)
        column.addWidget(self._confirm)
        for group, keys in GROUPS.items():
            self._add_group(column, group, keys)
        column.addWidget(self._show_all)
        column.addStretch(1)
        QShortcut(QKeySequence("F8"), self, self.reach_next_missing)

    def _add_group(self, column: QVBoxLayout, group: str, keys: Iterable[str]) -> None:
        heading = label(self._words(f"groups.{group}"), "section")
        self._headings[group] = heading
        column.addWidget(heading)
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 4)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(5)
        grid.setColumnStretch(0, 1)
        grid.setColumnMinimumWidth(1, FIELD_WIDTH)
        for number, key in enumerate(keys):
            field = field_for(key, self._words, self.answered.emit)
            name = label(self._words(f"answers.{key}"))
            grid.addWidget(name, number, 0)
            grid.addWidget(field, number, 1)
            field.entry.installEventFilter(self)
            self.fields[key], self._names[key] = field, name
        column.addWidget(holder)

    # Answers

    def answers(self) -> dict[str, Any]:
        """Return what was answered, as JSON holds it; text that is no number stays text."""
        found: dict[str, Any] = {}
        for key, field in self.fields.items():
            value = field.value()
            if value is None:
                continue
            outer, _, inner = key.partition(".")
            if outer in NESTED:
                found.setdefault(outer, {})[inner] = value
            else:
                found[outer] = value
        return found

    def show_answers(self, said: Mapping[str, Any]) -> None:
        """Show answers without telling that they changed.

        Parameters
        ----------
        said : mapping
            By dotted key.
        """
        for key, field in self.fields.items():
            field.show_value(said.get(key))

    def show_state(
        self, measured: Mapping[str, Any], missing: tuple[str, ...], *, has_case: bool
    ) -> None:
        """Show what the CT says, and ask for what could still change the advice.

        Parameters
        ----------
        measured : mapping
            What the CT says, by dotted key.
        missing : tuple of str
            Keys that could change the advice, the most first.
        has_case : bool
            False while nothing is open.
        """
        self._missing, self._measured = missing, dict(measured)
        for key, field in self.fields.items():
            field.setEnabled(has_case)
            field.show_measured(measured.get(key))
        self._show_what_matters()

    def _show_what_matters(self) -> None:
        said = {key for key, field in self.fields.items() if field.value() is not None}
        by_ct = {key for key in self._measured if key in self.fields} - said
        wanted = said | by_ct | {*self._missing, *OPEN_ENDED}
        reached = {key for key, field in self.fields.items() if field.entry.hasFocus()}
        shown = {key for key in self.fields if self._all or key in wanted | reached}
        for key, field in self.fields.items():
            field.setVisible(key in shown)
            self._names[key].setVisible(key in shown)
        for group, keys in GROUPS.items():
            self._headings[group].setVisible(not shown.isdisjoint(keys))
        words, left = self._words, len(self.fields) - len(shown)
        open_keys = [key for key in self._missing if key in self.fields and key not in by_ct]
        self._count.setText(
            words("technique.count", said=len(said), by_ct=len(by_ct), open=len(open_keys))
        )
        self._confirm.setText(words("technique.confirm", count=len(by_ct)))
        self._confirm.setVisible(bool(by_ct))
        told = (
            words("technique.show_fewer") if self._all else words("technique.show_all", count=left)
        )
        self._show_all.setText(told)
        self._show_all.setVisible(self._all or left > 0)

    def _toggle_all(self) -> None:
        self._all = not self._all
        self._show_what_matters()

    def confirm_measured(self) -> None:
        """Take everything that the CT says as the physician's own answers."""
        taken = [field.confirm() for field in self.fields.values()]
        if any(taken):
            self.answered.emit()

    # Refusals

    def show_wrong(self, wrong: Mapping[str, str]) -> None:
        """Mark the fields that were refused.

        Parameters
        ----------
        wrong : mapping
            Why, by dotted key; the others are no longer marked.
        """
        for key, field in self.fields.items():
            field.show_wrong(wrong.get(key, ""))

    # Keyboard

    def reach(self, key: str) -> None:
        """Bring a question to the keyboard.

        Parameters
        ----------
        key : str
            Dotted for nested keys; one that no field has is passed over.
        """
        field = self.fields.get(key) or self.fields.get(key.partition(".")[0])
        if field is None:
            return
        field.setVisible(True)
        self._names[field.key].setVisible(True)
        field.entry.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def reach_next_missing(self) -> None:
        """Go to the open question that could change most, behind the present one."""
        open_keys = [key for key in self._missing if self._is_open(key)]
        if not open_keys:
            return
        here = [n for n, key in enumerate(open_keys) if self.fields[key].entry.hasFocus()]
        self.reach(open_keys[(here[0] + 1) % len(open_keys) if here else 0])

    def _is_open(self, key: str) -> bool:
        return key in self.fields and self.fields[key].value() is None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let Enter go on to the next question."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            opened = isinstance(watched, QComboBox) and watched.view().isVisible()
            if event.key() in ENTER and not opened:
                backwards = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
                self.focusNextPrevChild(not backwards)
                return True
        return super().eventFilter(watched, event)
