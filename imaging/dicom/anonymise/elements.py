"""Takes the identifiers out of one data set, at any depth.

Elements that the profile does not list and that hold numbers are not even decoded: geometry,
rescaling and pixels stay as their bytes are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from imaging.dicom.anonymise.descriptors import cleaned, is_descriptor, is_technical
from imaging.dicom.anonymise.identifiers import CODE, TEXT, Finder, is_standard_code
from imaging.dicom.anonymise.options import Options
from imaging.dicom.anonymise.profile import (
    ABOUT_THE_PERSON,
    BULK,
    DUMMIES,
    DUMMY,
    PATIENT,
    REFERENCES,
    Action,
    is_foreign,
    listed,
)
from imaging.dicom.anonymise.pseudonyms import Pseudonyms, shifted_date
from imaging.dicom.anonymise.report import Tally

MEASURED = frozenset(
    {"DS", "IS", "FD", "FL", "OD", "OF", "OL", "OV", "SL", "SS", "SV", "UL", "US", "UV", "AT"}
)
UNTYPED = frozenset({"OB", "OW", "UN", "OB or OW", "US or OW", "US or SS or OW"})
LONG_TEXT = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
TIMES = frozenset({"DA", "TM", "DT"})
OLDEST_YEARS = 89  # above it an age identifies (PS3.15 has it from the HIPAA safe harbour rule)
STRUCTURAL = frozenset({"SpecificCharacterSet"})


@dataclass(frozen=True)
class Patient:
    """What stands for one patient.

    Parameters
    ----------
    name, number : str
        Pseudonyms.
    shift_days : int
        Added to all dates.
    """

    name: str
    number: str
    shift_days: int


@dataclass(frozen=True)
class Cleaner:
    """Cleans the data sets of one patient.

    Parameters
    ----------
    options : Options
        As chosen.
    patient : Patient
        Whose data sets these are.
    pseudonyms : Pseudonyms
        For UIDs.
    finder : Finder
        Knows the identifiers of the whole study.
    tally : Tally
        Counts what is done.
    """

    options: Options
    patient: Patient
    pseudonyms: Pseudonyms
    finder: Finder
    tally: Tally

    def clean(self, dataset: Dataset, *, everything: bool = False) -> None:
        """Take the identifiers out of a data set.

        Parameters
        ----------
        dataset : Dataset
            Changed in place.
        everything : bool
            Whether all its text gives way, listed or not: what the profile replaces as a whole.
        """
        for tag in list(dataset.keys()):
            if is_foreign(int(tag)):
                self._drop_foreign(dataset, tag)
                continue
            action = listed(int(tag))
            raw = dataset.get_item(tag)
            kind = _representation(int(tag), raw.VR if raw is not None else None)
            if kind == "SQ":
                self._sequence(dataset, tag, action, everything)
            elif action is not None or everything or kind not in MEASURED:
                self._element(dataset, tag, kind, action, everything)

    def _drop_foreign(self, dataset: Dataset, tag: BaseTag) -> None:
        if tag.is_private:
            self.tally.private += 1
        elif tag.element != 0:
            self.tally.foreign += 1
        del dataset[tag]

    def _sequence(
        self, dataset: Dataset, tag: BaseTag, action: Action | None, everything: bool
    ) -> None:
        keyword = keyword_for_tag(tag)
        if keyword in REFERENCES:
            action = None
        if action is Action.REMOVED:
            self._remove(dataset, tag)
            return
        if action is Action.EMPTIED:
            if len(dataset[tag].value or []):
                self.tally.note(tag, action)
            dataset[tag].value = Sequence()
            return
        replaced = action is Action.REPLACED
        if replaced:
            self.tally.note(tag, Action.REPLACED)
        for item in dataset[tag].value or []:
            self.clean(item, everything=everything or replaced)

    def _element(
        self, dataset: Dataset, tag: BaseTag, kind: str, action: Action | None, everything: bool
    ) -> None:
        keyword = keyword_for_tag(tag)
        if keyword in BULK or keyword in STRUCTURAL:
            return
        element = dataset[tag]
        if keyword in PATIENT:
            name = self.patient.name if keyword == "PatientName" else self.patient.number
            self._set(element, name, Action.REPLACED)
        elif kind == "UI":
            self._remap(element)
        elif kind in TIMES and keyword not in ABOUT_THE_PERSON:
            self._time(dataset, element, action)
        elif everything and kind != "CS":
            self._set(element, DUMMIES.get(kind, b"\0\0"), Action.REPLACED)
        elif is_descriptor(keyword) and self.options.descriptors == "clean":
            self._describe(dataset, element, action)
        elif action is not None and action is not Action.KEPT:
            self._listed(dataset, element, action)
        else:
            self._unlisted(dataset, element, kind)

    def _set(self, element: DataElement, value: object, action: Action) -> None:
        if element.value == value:
            return
        if not element.is_empty or value:
            self.tally.note(element.tag, action)
        element.value = value

    def _remove(self, dataset: Dataset, tag: BaseTag) -> None:
        self.tally.note(tag, Action.REMOVED)
        del dataset[tag]

    def _listed(self, dataset: Dataset, element: DataElement, action: Action) -> None:
        if action is Action.REMOVED:
            self._remove(dataset, element.tag)
        elif action is Action.EMPTIED:
            self._empty(element)
        elif not element.is_empty:
            self._set(element, DUMMIES.get(element.VR, b"\0\0"), Action.REPLACED)

    def _empty(self, element: DataElement) -> None:
        if not element.is_empty:
            self.tally.note(element.tag, Action.EMPTIED)
            element.value = None

    def _remap(self, element: DataElement) -> None:
        if element.is_empty:
            return
        values = [element.value] if element.VM == 1 else list(element.value)
        replaced = [self.pseudonyms.uid(str(value)) for value in values]
        if replaced != [str(value) for value in values]:
            self.tally.note(element.tag, Action.REMAPPED)
            element.value = replaced[0] if len(replaced) == 1 else replaced

    def _time(self, dataset: Dataset, element: DataElement, action: Action | None) -> None:
        if element.is_empty:
            return
        if self.options.dates == "remove":
            self._listed(dataset, element, action or Action.REPLACED)
            return
        if element.VR == "TM":
            return  # moved by whole days
        values = [element.value] if element.VM == 1 else list(element.value)
        moved = [self._moved(str(value), element.VR) for value in values]
        self.tally.note(element.tag, Action.SHIFTED)
        element.value = moved[0] if len(moved) == 1 else moved

    def _moved(self, text: str, kind: str) -> str:
        date = shifted_date(text, self.patient.shift_days)
        if not date:
            return str(DUMMIES[kind])
        rest = text.strip(" \0")[8:] if kind == "DT" else ""
        return date + rest

    def _describe(self, dataset: Dataset, element: DataElement, action: Action | None) -> None:
        if element.is_empty:
            return
        values = [element.value] if element.VM == 1 else list(element.value)
        pairs = [cleaned(str(value), self.finder.words) for value in values]
        texts = [text for text, _ in pairs]
        self.tally.words += sum(dropped for _, dropped in pairs)
        if texts == [str(value) for value in values]:
            return
        if any(texts):
            self.tally.note(element.tag, Action.CLEANED)
            element.value = texts[0] if len(texts) == 1 else texts
        else:
            self._listed(dataset, element, action or Action.REPLACED)

    def _unlisted(self, dataset: Dataset, element: DataElement, kind: str) -> None:
        """Treat what the profile leaves alone: text may still hold a name."""
        keyword = element.keyword
        if kind in UNTYPED:
            if kind in {"OB", "UN"} or element.VR in {"OB", "UN"}:
                self._remove(dataset, element.tag)
        elif kind == "AS":
            age = str(element.value)
            if age.endswith("Y") and age[:-1].isdigit() and int(age[:-1]) > OLDEST_YEARS:
                self._set(element, f"{OLDEST_YEARS + 1:03d}Y", Action.REPLACED)
        elif kind in {"PN", "AE", "UR"}:
            if not element.is_empty:
                self._set(element, DUMMIES[kind], Action.REPLACED)
        elif keyword in CODE:
            self._code(dataset, element)
        elif kind in LONG_TEXT and not is_technical(keyword):
            self._describe(dataset, element, None)
        elif kind in TEXT or kind == "CS":
            self._scrub(element, is_code=kind == "CS")

    def _code(self, dataset: Dataset, element: DataElement) -> None:
        """Treat a code: one of a local scheme has a meaning that somebody wrote."""
        if is_standard_code(dataset):
            self._scrub(element, is_code=True)
        elif element.keyword == "CodeMeaning":
            self._describe(dataset, element, None)
        elif dataset.get("CodingSchemeDesignator"):
            self._scrub(element, is_code=False)
        elif not element.is_empty:
            self._set(element, DUMMY, Action.REPLACED)

    def _scrub(self, element: DataElement, *, is_code: bool) -> None:
        if element.is_empty:
            return
        values = [element.value] if element.VM == 1 else list(element.value)
        texts = [
            self.finder.scrubbed(str(value), is_code=is_code) or (DUMMY if value else "")
            for value in values
        ]
        if texts != [str(value) for value in values]:
            self.tally.note(element.tag, Action.CLEANED)
            element.value = texts[0] if len(texts) == 1 else texts


@lru_cache(maxsize=4096)
def _representation(tag: int, written: str | None) -> str:
    if written is not None and written != "UN":
        return written
    return dictionary_VR(tag)
