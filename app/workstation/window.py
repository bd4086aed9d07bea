"""The main window: steps on the left, the chosen step's panel, the views."""

# ruff: noqa: N802 - Qt calls these methods by its own names

from __future__ import annotations

import logging
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.workstation.compare_dialogs import ask_second, choose_second, tell_other_patient
from app.workstation.compare_strip import CompareStrip
from app.workstation.compare_tasks import Wanted
from app.workstation.dialogs import SeriesChooser, tell_refusal
from app.workstation.follow_up.series_window import SeriesWindow
from app.workstation.follow_up.window import FollowUpWindow
from app.workstation.help.keys import KeySheet, keys_of
from app.workstation.help.tips import give_tips
from app.workstation.help.tour import Tour, tour_folder
from app.workstation.keeper import autosave_folder
from app.workstation.library.window import LibraryWindow, open_library
from app.workstation.menus import build_menus
from app.workstation.preferences import LANGUAGE, THEME, TOUR, Preferences
from app.workstation.recovery import Place, Recovery
from app.workstation.report_tasks import tour_case
from app.workstation.session import Session
from app.workstation.stages import Activity, Choice, Step, Topic
from app.workstation.steps.ablation import AblationPanel
from app.workstation.steps.access import AccessPanel
from app.workstation.steps.lesion import LesionPanel
from app.workstation.steps.panel import Desk, Panel
from app.workstation.steps.rail import Rail
from app.workstation.steps.report.panel import ReportPanel
from app.workstation.steps.structures import StructuresPanel
from app.workstation.steps.study import StudyPanel
from app.workstation.steps.technique.panel import TechniquePanel
from app.workstation.style.palette import style_sheet, use_theme
from app.workstation.teaching.bar import STEP_OF, ExerciseBar
from app.workstation.teaching.feedback_window import FeedbackWindow
from app.workstation.teaching.window import ExercisesWindow
from app.workstation.tools.pictures import Pictures
from app.workstation.viewpoint import Tool, Viewpoint
from app.workstation.views.board import Board
from app.workstation.words import Language, Words
from imaging.dicom.patient import OTHER_PATIENT
from imaging.errors import Refusal
from imaging.registration.series import SeriesRow
from planning.plan import Case, SeriesReference
from planning.store import ENDING
from planning.teaching.exercise import Exercise
from planning.technique.tables import tables

if TYPE_CHECKING:
    from app.workstation.teaching.tasks import Page

log = logging.getLogger(__name__)

POLL_MS = 10
MARK_MS = 1000  # between two looks where the program is
SAID_MS, SAID_MARGIN = 3500, 18
PANEL_WIDTH = 436
# What follows the hand is told in the panels; one job nobody waits for.
QUIET_JOBS = frozenset(
    {"measure", "prepare", "skin_follow", "judge", "ablation_preview", "compare_judge"}
)
# Lists of ways and neighbours have many columns; beside the questions stand the answers' results.
PANEL_WIDTHS = {Step.ACCESS: 560, Step.ABLATION: 580, Step.TECHNIQUE: 810}
CT_FILES = "*.dcm *.nii *.nii.gz *.nrrd *.nhdr *.mha *.mhd *.zip DICOMDIR *"


class Window(QMainWindow):
    """The workstation.

    Parameters
    ----------
    session : Session
        The open case; closed with the window.
    words : Words
        Of the screen.
    """

    def __init__(self, session: Session, words: Words) -> None:
        super().__init__()
        self.session, self.words = session, words
        self.viewpoint = Viewpoint()
        self.board = Board(session, self.viewpoint, words)
        self.pictures = Pictures(self)
        self.preferences = Preferences()
        self._recovery = Recovery()
        self.step = Step.STUDY
        self.panels: dict[Step, Panel] = {}
        self.rail: Rail | None = None
        self._place: Place | None = None
        self.setAcceptDrops(True)
        self.resize(1560, 960)
        self._frame = QWidget()
        self._columns = QHBoxLayout(self._frame)
        self._columns.setContentsMargins(0, 0, 0, 0)
        self._columns.setSpacing(0)
        self._left = QWidget()
        self._left_columns = QHBoxLayout(self._left)
        self._left_columns.setContentsMargins(0, 0, 0, 0)
        self._left_columns.setSpacing(0)
        self._stack = QStackedWidget()
        self._stack.setObjectName("panel")
        self._columns.addWidget(self._left)
        self.strip = CompareStrip(session, self.viewpoint, words)
        right = QVBoxLayout()
        right.setSpacing(0)
        self.exercise_bar = ExerciseBar(session, words, self.say)
        right.addWidget(self.exercise_bar)
        right.addWidget(self.board, 1)
        right.addWidget(self.strip)
        self._columns.addLayout(right, 1)
        self._build_bottom()
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self._frame, 1)
        rows.addWidget(self._activity_row)
        rows.addWidget(self._disclaimer)
        self.setCentralWidget(whole)
        self._observe()
        self._build()
        self._timer = QTimer(self)
        self._timer.timeout.connect(session.poll)
        self._timer.start(POLL_MS)
        self._marks = QTimer(self)
        self._marks.timeout.connect(self._mark_place)
        self._marks.start(MARK_MS)

    def _build_bottom(self) -> None:
        self._disclaimer = QLabel()
        self._disclaimer.setObjectName("disclaimer")
        self._disclaimer.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._activity_row = QWidget()
        self._activity_row.setObjectName("activity")
        self._activity_row.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        line = QHBoxLayout(self._activity_row)
        line.setContentsMargins(14, 6, 14, 6)
        self._activity_name, self._bar, self._stop = QLabel(), QProgressBar(), QPushButton()
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._activity_name.setMinimumWidth(300)
        self._stop.clicked.connect(lambda _checked=False: self._ask_which_to_stop())
        line.addWidget(self._activity_name)
        line.addWidget(self._bar, 1)
        line.addWidget(self._stop)
        self._activity_row.hide()
        self._said = QLabel(self.board)
        self._said.setObjectName("said")
        self._said.hide()
        self._said_timer = QTimer(self)
        self._said_timer.setSingleShot(True)
        self._said_timer.timeout.connect(self._said.hide)

    def say(self, text: str) -> None:
        """Tell something for a moment, over the views.

        Parameters
        ----------
        text : str
            In the language of the screen.
        """
        self._said.setText(text)
        self._said.adjustSize()
        self._said.move(SAID_MARGIN, self.board.height() - self._said.height() - SAID_MARGIN)
        self._said.show()
        self._said.raise_()
        self._said_timer.start(SAID_MS)

    def _observe(self) -> None:
        session = self.session
        session.subscribe(Topic.CASE, self._show_case)
        session.subscribe(Topic.JOB, self._show_activity)
        session.subscribe(Topic.REFUSED, self.tell_refusal)
        session.subscribe(Topic.CHOICE, self._ask_series)
        session.subscribe(Topic.CT_WANTED, self._ask_ct)
        session.subscribe(Topic.COMPARISON_ASKED, self._choose_second)
        session.subscribe(Topic.FEEDBACK, self._show_feedback)
        session.subscribe(Topic.EXERCISE, self._show_exercise)
        self.words.subscribe(self._build)

    def _build(self) -> None:
        """Build everything that holds words; again when the language changes."""
        self._release_panels()
        words = self.words
        desk = Desk(self.session, self.viewpoint, words, self.board)
        self.rail = Rail(self.session, words, self.show_step)
        self.panels = {
            Step.STUDY: StudyPanel(desk, self.ask_folder, self.ask_file),
            Step.LESION: LesionPanel(desk),
            Step.STRUCTURES: StructuresPanel(desk),
            Step.ACCESS: AccessPanel(desk),
            Step.ABLATION: AblationPanel(desk),
            Step.TECHNIQUE: TechniquePanel(desk),
            Step.REPORT: ReportPanel(desk),
        }
        for panel in self.panels.values():
            give_tips(panel, words)
            self._stack.addWidget(panel)
        give_tips(self.rail, words)
        self._left_columns.addWidget(self.rail)
        self._left_columns.addWidget(self._stack)
        for menu in self.menuBar().findChildren(QMenu) + self.findChildren(QMenu):
            menu.deleteLater()
        self.menuBar().clear()
        build_menus(self)
        self._disclaimer.setText(words("app.disclaimer"))
        self._stop.setText(words("app.cancel"))
        self.show_step(self.step)
        self._show_case(self.session.case)
        self.board.say_again()

    def _release_panels(self) -> None:
        for panel in self.panels.values():
            panel.release()
            self._stack.removeWidget(panel)
            panel.deleteLater()
        self.panels = {}
        if self.rail is not None:
            self.rail.release()
            self._left_columns.removeWidget(self.rail)
            self.rail.hide()
            self.rail.deleteLater()
            self.rail = None

    # What the user does

    def show_step(self, step: Step) -> None:
        """Show the panel of a step.

        Parameters
        ----------
        step : Step
            Any; one may jump.
        """
        self.step = step
        self._stack.setFixedWidth(PANEL_WIDTHS.get(step, PANEL_WIDTH))
        self._stack.setCurrentWidget(self.panels[step])
        if self.rail is not None:
            self.rail.show_step(step)
        self.viewpoint.change(
            is_at_access=step is Step.ACCESS, is_at_ablation=step is Step.ABLATION
        )
        self.session.reaching.look(step is Step.ACCESS)
        self.session.ablating.look(step is Step.ABLATION)
        painted = self.viewpoint.look.painted_structure
        is_other = painted is not None if step is Step.LESION else painted is None
        if step not in (Step.LESION, Step.STRUCTURES) or is_other:
            self.viewpoint.change(tool=Tool.CROSSHAIR, painted_structure=None)

    def open_path(self, path: Path) -> None:
        """Open a CT or a plan.

        Parameters
        ----------
        path : Path
            As the user gave it.
        """
        self.session.open_path(path)

    def ask_folder(self) -> None:
        """Ask for the folder of a CT."""
        name = QFileDialog.getExistingDirectory(self, self.words("study.open_folder"))
        if name:
            self.open_path(Path(name))

    def ask_file(self) -> None:
        """Ask for a file of a CT."""
        title = self.words("study.open_file")
        name, _ = QFileDialog.getOpenFileName(self, title, "", CT_FILES)
        if name:
            self.open_path(Path(name))

    def ask_plan(self) -> None:
        """Ask for a plan file."""
        title = self.words("menus.open_plan")
        name, _ = QFileDialog.getOpenFileName(self, title, "", f"*{ENDING}")
        if name:
            self.open_path(Path(name))

    def ask_autosaved(self) -> None:
        """Ask for a plan among those that were saved without a name."""
        title = self.words("menus.recover")
        name, _ = QFileDialog.getOpenFileName(self, title, str(autosave_folder()), f"*{ENDING}")
        if name:
            self.open_path(Path(name))

    def compare_folder(self) -> None:
        """Ask for a folder with a series to compare the CT with."""
        ask_second(self, self.session, self.words, is_folder=True)

    def compare_file(self) -> None:
        """Ask for a file with a series to compare the CT with."""
        ask_second(self, self.session, self.words, is_folder=False)

    def save(self) -> None:
        """Save; asks for a name the first time."""
        if self.session.case is None:
            return
        if self.session.keeper.is_autosave:
            self.save_as()
        else:
            self.session.save()

    def save_as(self) -> None:
        """Save under a name."""
        if self.session.case is None:
            return
        title = self.words("menus.save_as")
        name, _ = QFileDialog.getSaveFileName(self, title, f"plan{ENDING}", f"*{ENDING}")
        if name:
            self.session.save_as(Path(name))

    def show_follow_up(self) -> FollowUpWindow:
        """Show what became of the treatments of the lesion."""
        made = FollowUpWindow(self, self.session, self.words)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        made.open()
        return made

    def show_series(self) -> SeriesWindow:
        """Show who of a folder of plans is to be seen, and the centre's series."""
        made = SeriesWindow(self, self.session, self.words, self.open_path)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        made.open()
        return made

    def show_library(self) -> LibraryWindow | None:
        """Show the cases of the department."""
        made = open_library(self, self.session, self.words, self.open_path)
        if made is not None:
            made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            made.open()
        return made

    def show_exercises(self) -> ExercisesWindow:
        """Show what there is to answer, and how residents are getting on."""
        made = ExercisesWindow(self, self.session, self.words)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        made.open()
        return made

    def _show_exercise(self, exercise: Exercise | None) -> None:
        """Go to the step that an exercise is about, and tell what is asked."""
        self.viewpoint.change(shows_diameters=not self.session.exercising.hides_measures)
        if exercise is not None:
            self.show_step(STEP_OF[exercise.task])
            self.exercise_bar.show_task()

    def _show_feedback(self, page: Page) -> None:
        made = FeedbackWindow(self, page, self.words)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        made.open()

    def show_keys(self) -> KeySheet:
        """Show all shortcuts."""
        made = KeySheet(self, keys_of(self.menuBar(), self.words), self.words)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        made.open()
        return made

    def show_tour(self) -> Tour:
        """Show the first tour."""
        self.preferences.put(TOUR, "yes")
        made = Tour(self, self.words, self.show_step, self._open_tour_case)
        made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        end = self.session.subscribe(Topic.VOLUME, made.leave_for)
        made.finished.connect(lambda _result: end())
        made.show()
        return made

    def _open_tour_case(self) -> None:
        folder = tour_folder()
        self.session.start("tour_case", self.open_path, None, tour_case, folder)

    def show_about(self) -> QMessageBox:
        """Show what the program is, its version and what it is not."""
        box = QMessageBox(self)
        box.setWindowTitle(self.words("menus.about"))
        box.setText(f"Osteoplan {version('osteoplan')}")
        edition = self.words("technique.tables", version=tables().version)
        box.setInformativeText(f"{self.words('app.disclaimer')}\n\n{edition}")
        box.setStandardButtons(QMessageBox.StandardButton.Ok)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()
        return box

    def use_theme_later(self, name: str) -> None:
        """Change the theme once the menu that asks for it has closed.

        Parameters
        ----------
        name : str
            ``dark`` or ``light``.
        """
        QTimer.singleShot(0, lambda: self.use_theme(name))

    def use_theme(self, name: str) -> None:
        """Change the theme at once, and keep it for the next time.

        Parameters
        ----------
        name : str
            ``dark`` or ``light``.
        """
        self.preferences.put(THEME, use_theme(name).name)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.setStyleSheet(style_sheet())
        self._build()

    def go_on(self, place: Place) -> None:
        """Open a plan where a program was that did not end as it should.

        Parameters
        ----------
        place : Place
            Plan, step, crosshair.
        """
        self._place = place
        self.open_path(Path(place.plan))

    def _mark_place(self) -> None:
        """Keep where the program is, for the case that it is killed."""
        path, case = self.session.keeper.path, self.session.case
        if case is None:
            self._recovery.keep(None)
            return
        path = path or Path(case.plan.series.path)  # nothing was changed yet: its CT is opened
        crosshair = self.viewpoint.look.crosshair_lps_mm
        self._recovery.keep(Place(str(path), self.step.value, crosshair))

    def _take_place(self) -> None:
        """Bring step and crosshair back once the plan and its CT are there."""
        place = self._place
        if place is None or self.session.case is None or self.session.volume is None:
            return
        self._place = None
        if place.step in {step.value for step in Step}:
            self.show_step(Step(place.step))
        self.board.go_to(place.crosshair_lps_mm)
        self.say(self.words("dialogs.came_back"))

    def use_language(self, language: Language) -> None:
        """Change the language at once.

        Parameters
        ----------
        language : str
            ``fr`` or ``en``.
        """
        self.preferences.put(LANGUAGE, language)
        self.words.use(language)

    def use_language_later(self, language: Language) -> None:
        """Change the language once the menu that asks for it has closed.

        Parameters
        ----------
        language : str
            ``fr`` or ``en``.
        """
        QTimer.singleShot(0, lambda: self.use_language(language))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.open_path(paths[0])

    # What the session tells

    def _show_case(self, case: Case | None) -> None:
        words, keeper = self.words, self.session.keeper
        self._take_place()
        if case is None:
            self.setWindowTitle("Osteoplan")
        else:
            name = (
                words("app.unsaved")
                if keeper.path is None or keeper.is_autosave
                else keeper.path.name
            )
            series = case.plan.series.description or words("study.none")
            suffix = f" [{words('app.read_only')}]" if keeper.read_only else ""
            self.setWindowTitle(f"{name}{suffix} – {series} – Osteoplan")
        for action in self.findChildren(QAction):
            needed = action.property("needs")
            if needed == "case":
                action.setEnabled(case is not None)
            elif needed == "undo":
                _name_action(action, words, "menus.undo", self.session.undo_name)
            elif needed == "redo":
                _name_action(action, words, "menus.redo", self.session.redo_name)

    def _show_activity(self, activity: Activity | None) -> None:
        shown = activity is not None and activity.name not in QUIET_JOBS
        self._activity_row.setVisible(shown)
        if activity is None or not shown:
            return
        told = self.words(f"jobs.{activity.name}")
        percent = f"{100 * activity.fraction:.0f} %"
        waiting = [self.words(f"jobs.{name}") for _, name in self._loud_jobs()[1:]]
        then = self.words("app.then", names=", ".join(waiting)) if waiting else ""
        self._activity_name.setText(f"{told} …  {percent}  {then}".rstrip())
        self._bar.setValue(int(1000 * activity.fraction))

    def _loud_jobs(self) -> list[tuple[int, str]]:
        return [(number, name) for number, name in self.session.jobs if name not in QUIET_JOBS]

    def _ask_which_to_stop(self) -> None:
        """Cancel the job that runs; where several wait, ask which."""
        jobs = self._loud_jobs()
        if len(jobs) < 2:
            self.session.cancel()
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for number, name in jobs:
            action = menu.addAction(self.words(f"jobs.{name}"))
            action.triggered.connect(lambda _on=False, one=number: self.session.cancel(one))
        menu.addSeparator()
        menu.addAction(self.words("app.cancel_all")).triggered.connect(
            lambda _on=False: self.session.cancel()
        )
        menu.popup(self._stop.mapToGlobal(self._stop.rect().topLeft()))

    def tell_refusal(self, refusal: Refusal) -> None:
        """Tell every problem of a refusal.

        Parameters
        ----------
        refusal : Refusal
            From any layer.
        """
        if refusal.code == OTHER_PATIENT:
            tell_other_patient(self, self.session, self.words, refusal)
        else:
            tell_refusal(self, refusal, self.words)

    def _choose_second(self, asked: tuple[Wanted, tuple[SeriesRow, ...]]) -> None:
        choose_second(self, self.session, self.words, asked)

    def _ask_series(self, choice: Choice) -> None:
        chooser = SeriesChooser(self, choice, self.words)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.accepted.connect(lambda: self.session.open_path(choice.path, chooser.series_uid))
        chooser.open()

    def _ask_ct(self, series: SeriesReference) -> None:
        QTimer.singleShot(0, lambda: self._ask_ct_folder(series))

    def _ask_ct_folder(self, series: SeriesReference) -> None:
        title = self.words("dialogs.find_ct", name=series.description or self.words("study.none"))
        name = QFileDialog.getExistingDirectory(self, title)
        if name:
            self.session.find_ct(Path(name))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Save, ask the worker to stop and wait for it, give the drawing window back."""
        self._timer.stop()
        self._marks.stop()
        self._recovery.end()
        self._release_panels()
        self.board.release()
        self.strip.release()
        self.exercise_bar.release()
        self.session.close()
        event.accept()


def _name_action(action: QAction, words: Words, key: str, name: str | None) -> None:
    action.setEnabled(name is not None)
    told = words(f"commands.{name}") if name is not None else ""
    action.setText(f"{words(key)} {told}".strip())
