"""Copies a whole study: looks at every file, copies, and reads every copy again."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from imaging.dicom.anonymise.beside import Beside
from imaging.dicom.anonymise.check import pixel_value, what_is_left
from imaging.dicom.anonymise.elements import Cleaner, Patient
from imaging.dicom.anonymise.identifiers import Finder, Identifiers
from imaging.dicom.anonymise.options import Options
from imaging.dicom.anonymise.profile import EDITION
from imaging.dicom.anonymise.pseudonyms import Pseudonyms, shifted_date
from imaging.dicom.anonymise.report import AnonymisedStudy, Check, Report, Tally, asides
from imaging.dicom.anonymise.set_aside import IN_COMPRESSED, what_to_mind, why_aside
from imaging.dicom.dataset import read_dataset
from imaging.dicom.discover import Skipped, opened
from imaging.dicom.elements import GE_IMPLICIT_BIG_ENDIAN, file_meta
from imaging.errors import ImagingError, Problem, refuse_image
from imaging.progress import SILENT, Progress

REPORT = "report.json"
NAMELESS = "\0"  # before what stands for a patient without a number; no number begins with it
SECRET_BYTES = 32
FILE_META_BYTES = 4 << 10  # the file meta information is shorter
LOOKED = 0.3  # of the time is spent on looking at the originals
DAMAGED = "damaged DICOM header"
ITEM = b"\xfe\xff\x00\xe0"  # with which encapsulated pixels begin (PS3.5 A.4)
NOT_DICOM = "not a DICOM file"


class _Aside(Exception):
    """A file that turns out not to be copied."""


@dataclass(frozen=True)
class _Found:
    """A file that will be copied, and what orders and names its copy."""

    path: Path
    number: int
    patient: str
    study: str
    series: str
    series_number: int
    instance: int


@dataclass
class _Study:
    """What a first look at all files gives."""

    found: list[_Found] = field(default_factory=list)
    aside: list[tuple[int, str]] = field(default_factory=list)
    mind: list[tuple[int, str]] = field(default_factory=list)
    identifiers: dict[str, Identifiers] = field(default_factory=dict)
    all: Identifiers = field(default_factory=Identifiers)

    @property
    def aside_told(self) -> str:
        """Reasons that name a kind of error."""
        return "\n".join(reason for _, reason in self.aside if reason.startswith(DAMAGED))


def anonymise(
    source: Path,
    out: Path,
    progress: Progress = SILENT,
    options: Options | None = None,
    *,
    show_names: bool = False,
) -> AnonymisedStudy:
    """Copy a study without identifiers.

    Parameters
    ----------
    source : Path
        Folder, file, zip or DICOMDIR; it is not changed.
    out : Path
        Folder that does not exist yet, or is empty; not inside the source.
    progress : Progress
        Told after each file.
    options : Options or None
        Choices; None for the usual ones.
    show_names : bool
        Whether files set aside are told by their path, which may name the patient.

    Returns
    -------
    AnonymisedStudy
        What was written, what was set aside, and what was done.

    Raises
    ------
    ImagingError
        When nothing can be copied, the folder cannot be written, or an identifier is left; then
        nothing is kept.
    Cancelled
        When the result is no longer wanted; nothing is kept.
    """
    _check_folders(source, out)
    with opened(source, progress.part(0, LOOKED / 3)) as files:
        told = source if source.is_dir() else None
        rest = progress.part(LOOKED / 3, 1)
        return anonymise_files(files, out, rest, options, base=told, show_names=show_names)


def anonymise_files(
    files: list[Path],
    out: Path,
    progress: Progress = SILENT,
    options: Options | None = None,
    *,
    base: Path | None = None,
    show_names: bool = False,
) -> AnonymisedStudy:
    """Copy some files of a study without identifiers.

    Parameters
    ----------
    files : list of Path
        The originals.
    out : Path
        Folder that does not exist yet, or is empty.
    progress : Progress
        Told after each file.
    options : Options or None
        Choices; None for the usual ones.
    base : Path or None
        What the paths of files set aside are told relative to.
    show_names : bool
        Whether they are told by their path, which may name the patient.

    Returns
    -------
    AnonymisedStudy
        What was written, what was set aside, and what was done.

    Raises
    ------
    ImagingError
        When nothing can be copied, the folder cannot be written, or an identifier is left; then
        nothing is kept.
    Cancelled
        When the result is no longer wanted; nothing is kept.
    """
    options = options or Options()
    with _draft(out) as draft:
        study = _look(files, progress.part(0, LOOKED))
        if not study.found:
            raise _nothing_copied()
        copier = _copier(study, options)
        names = copier.copy_all(draft, progress.part(LOOKED, 1))
        report = copier.report(len(names))
        copier.write_report(report, draft / REPORT)
        skipped = tuple(_skipped(study.aside, files, base, show_names))
    progress.update(1.0, "checked")
    return AnonymisedStudy(tuple(out / name for name in names), skipped, report, copier.beside)


def _skipped(
    aside: list[tuple[int, str]], files: list[Path], base: Path | None, show_names: bool
) -> Iterator[Skipped]:
    for number, reason in aside:
        told = f"file {number}"
        if show_names:
            file = files[number - 1]
            told = str(file.relative_to(base)) if base else file.name
            told = told.encode(errors="replace").decode()
        yield Skipped(path=told, reason=reason)


def _check_folders(source: Path, out: Path) -> None:
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        message = "the copies would lie among the originals; choose a folder outside"
        raise refuse_image("inside_input", message)
    try:
        used = out.exists() and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise _cannot_write(error) from None
    if used:
        message = "the folder is not empty; choose a new one, so that copies are not mixed"
        raise refuse_image("folder_used", message)


def _nothing_copied() -> ImagingError:
    message = "no DICOM image could be copied; choose the folder of the study"
    return refuse_image("nothing_copied", message)


def _cannot_write(error: OSError) -> ImagingError:
    reason = error.strerror or "is there no space left?"
    message = f"the copies cannot be written ({reason}); choose another folder or disk"
    return refuse_image("cannot_write", message)


@contextmanager
def _draft(out: Path) -> Iterator[Path]:
    """Give a folder that becomes `out` when all went well, and nothing otherwise."""
    missing = [folder for folder in out.absolute().parents if not folder.exists()]
    draft: Path | None = None
    done = False
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=out.parent))
        yield draft
        for folder in draft.iterdir():
            if folder.is_dir():  # made with the user's own permissions, unlike the draft
                draft.chmod(folder.stat().st_mode & 0o777)
        if out.exists():
            out.rmdir()
        draft.replace(out)
        done = True
    except OSError as error:
        raise _cannot_write(error) from None
    finally:
        if not done:
            if draft is not None:
                shutil.rmtree(draft, ignore_errors=True)
            for folder in missing:
                _remove_if_empty(folder)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _look(files: list[Path], progress: Progress) -> _Study:
    """Read all headers: what identifies, what is set aside, and the order of the copies."""
    study = _Study()
    for number, file in enumerate(files, 1):
        progress.update((number - 1) / len(files), "looking for identifiers")
        try:
            header = read_dataset(file, with_pixels=False)
            if len(header) == 0:
                raise InvalidDicomError
            own = Identifiers()
            own.collect(header)
            own.collect(header.file_meta)
            reason = why_aside(header)
        except InvalidDicomError:
            study.aside.append((number, NOT_DICOM))
            continue
        except MemoryError:
            raise
        except Exception as error:  # a damaged header fails in any way the parser can
            study.aside.append((number, f"{DAMAGED} ({type(error).__name__})"))
            continue
        _merge(study.all, own)
        if reason:
            study.aside.append((number, reason))
            continue
        found = _described(header, file, number)
        _merge(study.identifiers.setdefault(found.patient, Identifiers()), own)
        study.found.append(found)
        mind = what_to_mind(header)
        if mind:
            study.mind.append((number, mind))
    return _with_patients(study)


def _with_patients(study: _Study) -> _Study:
    """Give files without a patient's number that of another file of their study."""
    known: dict[str, str] = {}
    for one in study.found:
        if not one.patient.startswith(NAMELESS):
            known.setdefault(one.study, one.patient)
    for number, one in enumerate(study.found):
        patient = known.get(one.study, one.patient)
        if one.patient.startswith(NAMELESS) and patient != one.patient:
            study.found[number] = replace(one, patient=patient)
            own = study.identifiers.pop(one.patient, Identifiers())
            _merge(study.identifiers[patient], own)
    return study


def _merge(into: Identifiers, own: Identifiers) -> None:
    into.names |= own.names
    into.values |= own.values
    into.uids |= own.uids
    into.dates |= own.dates
    into.encodings |= own.encodings


def _described(header: Dataset, file: Path, number: int) -> _Found:
    def text(name: str) -> str:
        return str(header.get(name, "") or "").strip()

    nameless = text("StudyInstanceUID") or text("PatientName")
    patient = text("PatientID") or f"{NAMELESS}{nameless}"
    return _Found(
        file,
        number,
        patient,
        text("StudyInstanceUID"),
        text("SeriesInstanceUID"),
        _whole(text("SeriesNumber")),
        _whole(text("InstanceNumber")),
    )


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def _names(found: list[_Found]) -> list[tuple[_Found, str]]:
    """Return each file with the name of its copy: by study, series and place in it."""
    ordered = sorted(found, key=lambda one: (one.series_number, one.instance, one.number))
    studies: dict[str, int] = {}
    series: dict[tuple[str, str], int] = {}
    images: Counter[tuple[str, str]] = Counter()
    for one in sorted(found, key=lambda one: one.number):
        studies.setdefault(one.study, len(studies) + 1)
    rows = []
    for one in ordered:
        key = one.study, one.series
        place = sum(1 for study, _ in series if study == one.study) + 1
        series.setdefault(key, place)
        images[key] += 1
        folder = f"study_{studies[one.study]:02d}/series_{series[key]:03d}"
        rows.append((one, f"{folder}/image_{images[key]:05d}.dcm"))
    return rows


def _copier(study: _Study, options: Options) -> _Copier:
    several = len(study.identifiers) > 1
    if several and (options.name or options.patient_id):
        message = (
            "there are several patients, whom one name would merge; "
            "leave --name and --id out, or copy one patient at a time"
        )
        raise refuse_image("several_patients", message)
    pseudonyms = Pseudonyms(options.secret or secrets.token_bytes(SECRET_BYTES))
    patients = {}
    allowed: set[str] = set()
    for one, identifiers in study.identifiers.items():
        pseudonym = pseudonyms.patient(one)
        avoided = frozenset() if options.secret else frozenset(identifiers.dates)
        days = pseudonyms.shift_days(one, avoided)  # with a key: the same for every study
        patients[one] = Patient(options.name or pseudonym, options.patient_id or pseudonym, days)
        if options.dates == "shift":
            allowed |= {shifted_date(date, days) for date in identifiers.dates}
    finder = Finder(study.all, frozenset(allowed))
    return _Copier(study, options, pseudonyms, patients, finder, Tally())


@dataclass(frozen=True)
class _Copier:
    """Copies the files of a study."""

    study: _Study
    options: Options
    pseudonyms: Pseudonyms
    patients: dict[str, Patient]
    finder: Finder
    tally: Tally

    def copy_all(self, draft: Path, progress: Progress) -> list[str]:
        """Copy and check every file; give the names of the copies."""
        names = []
        rows = _names(self.study.found)
        for done, (one, name) in enumerate(rows):
            progress.update(done / len(rows), "removing identifiers")
            target = draft / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                left = self._copy(one, target)
            except _Aside as aside:
                self.study.aside.append((one.number, str(aside)))
                continue
            except (OSError, MemoryError, ImagingError):
                raise
            except Exception as error:  # a damaged element fails in any way when it is written
                target.unlink(missing_ok=True)
                self.study.aside.append((one.number, f"{DAMAGED} ({type(error).__name__})"))
                continue
            if left:
                raise ImagingError(left)
            names.append(name)
        if not names:
            raise _nothing_copied()
        return names

    def _copy(self, one: _Found, target: Path) -> list[Problem]:
        dataset = _read_again(one.path)
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        pixels = pixel_value(dataset)
        compressed = dataset.get("PixelData") or b""
        if compressed.startswith(ITEM) and self.finder.in_pixels(compressed):
            raise _Aside(IN_COMPRESSED)
        patient = self.patients[one.patient]
        cleaner = Cleaner(self.options, patient, self.pseudonyms, self.finder, self.tally)
        cleaner.clean(dataset)
        self._mark(dataset, patient)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        dataset.preamble = b"\0" * 128
        is_ge = syntax == GE_IMPLICIT_BIG_ENDIAN
        private = {"implicit_vr": True, "little_endian": True} if is_ge else {}
        dcmwrite(target, dataset, enforce_file_format=True, **private)
        where = f"file {one.number}"
        rest = "would be left in a copy, so that nothing was kept; leave this file out"
        return [
            Problem(code="identifier_left", message=f"{kind} {rest}", where=where)
            for kind in what_is_left(target, self.finder, pixels)
        ]

    def _mark(self, dataset: Dataset, patient: Patient) -> None:
        """Say how the copy was made, as PS3.15 E.1.1 asks (codes of PS3.16 CID 7050)."""
        rows = [("113100", "Basic Application Confidentiality Profile")]
        if self.options.descriptors == "clean":
            rows.append(("113105", "Clean Descriptors Option"))
        if self.options.dates == "shift":
            meaning = "Retain Longitudinal Temporal Information Modified Dates Option"
            rows.append(("113107", meaning))
        dataset.PatientName, dataset.PatientID = patient.name, patient.number
        if not patient.name.isascii() or not patient.number.isascii():
            _to_unicode(dataset)
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = [f"DICOM PS3.15 {EDITION}", "dates and descriptors"]
        shifted = self.options.dates == "shift"
        dataset.LongitudinalTemporalInformationModified = "MODIFIED" if shifted else "REMOVED"
        dataset.DeidentificationMethodCodeSequence = Sequence(_code(*row) for row in rows)

    @property
    def beside(self) -> Beside | None:
        """What treats texts and dates beside the files alike; None for several patients."""
        if len(self.patients) != 1:
            return None
        return Beside(self.finder, next(iter(self.patients.values())).shift_days)

    def report(self, copied: int) -> Report:
        """Say what was done."""
        chosen = self.options
        found = self.study.found
        return Report(
            profile=f"DICOM PS3.15 {EDITION}, basic application level confidentiality profile",
            library=f"dicom-anonymizer {version('dicom-anonymizer')} (table of attributes)",
            software=f"osteoplan {version('osteoplan')}, pydicom {version('pydicom')}",
            options={
                "dates": chosen.dates,
                "descriptors": chosen.descriptors,
                "pseudonym": "given" if chosen.name or chosen.patient_id else "derived",
                "key": "given" if chosen.secret else "drawn and forgotten",
            },
            patients=len(self.patients),
            studies=len({one.study for one in found}),
            series=len({(one.study, one.series) for one in found}),
            files_copied=copied,
            files_set_aside=len(self.study.aside),
            set_aside=asides(self.study.aside),
            warnings=asides(self.study.mind),
            attributes=self.tally.lines(),
            private_elements_removed=self.tally.private,
            overlays_and_unknown_removed=self.tally.foreign,
            descriptor_words_dropped=self.tally.words,
            check=Check(
                files_read=copied,
                identifiers_searched=self.study.all.count,
                identifiers_found=0,
                pixels_identical=True,
            ),
        )

    def write_report(self, report: Report, path: Path) -> None:
        """Write the report, unless an identifier got into what is not its own fixed prose."""
        varied = [*report.options.values(), self.study.aside_told]
        if self.finder.in_bytes("\n".join(varied).encode()):
            message = "an original identifier would be left in the report"
            raise refuse_image("identifier_left", message, REPORT)
        path.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _read_again(path: Path) -> Dataset:
    try:
        dataset = read_dataset(path, with_pixels=True)
        if not _is_deflated(path):
            return dataset
    except OSError as error:
        message = f"an original can no longer be read ({error.strerror or 'it ends early'})"
        raise refuse_image("input_changed", message) from None
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return dataset


def _is_deflated(path: Path) -> bool:
    with path.open("rb") as stream:
        syntax, _ = file_meta(stream.read(FILE_META_BYTES))
    return syntax == DeflatedExplicitVRLittleEndian


def _to_unicode(dataset: Dataset) -> None:
    dataset.decode()
    dataset.SpecificCharacterSet = "ISO_IR 192"


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item
