"""Studies full of identifiers, each of which is unique, so that any trace of it can be told."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from imaging.dicom.anonymise.profile import listed_tags
from tests.imaging.dicom.making import ct_slice, save, slice_hu

NOT_PLANTED = {
    "PixelData",
    "TransferSyntaxUID",
    "MediaStorageSOPInstanceUID",
    "DigitalSignaturesSequence",
}
CHARACTERS = {"AE": 14, "CS": 14, "SH": 14}


@dataclass
class Planted:
    """Tokens, by the place where they were planted."""

    chance: random.Random = field(default_factory=lambda: random.Random(7))
    tokens: dict[str, str] = field(default_factory=dict)

    def word(self, place: str, length: int = 16) -> str:
        letters = "".join(self.chance.choices(string.ascii_uppercase, k=length))
        self.tokens[place] = letters
        return letters

    def date(self, place: str) -> str:
        day, month = self.chance.randint(1, 28), self.chance.randint(1, 12)
        text = f"{self.chance.randint(1911, 2015)}{month:02d}{day:02d}"
        self.tokens[place] = text
        return text

    def uid(self, place: str) -> str:
        text = str(generate_uid(entropy_srcs=[place, str(self.chance.random())]))
        self.tokens[place] = text
        return text

    def number(self, place: str) -> str:
        text = "".join(self.chance.choices("123456789", k=11))
        self.tokens[place] = text
        return text

    def value(self, place: str, kind: str) -> object:
        """Return a value that is valid for its representation, and remember what it holds."""
        if kind in {"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UT"}:
            return self.word(place, CHARACTERS.get(kind, 16))
        made: dict[str, Callable[[], object]] = {
            "PN": lambda: f"{self.word(place + ' family')}^{self.word(place + ' given')}",
            "UI": lambda: self.uid(place),
            "DA": lambda: self.date(place),
            "DT": lambda: f"{self.date(place)}101112.000000",
            "UR": lambda: f"http://{self.word(place).lower()}.example/",
            **dict.fromkeys(("OB", "UN", "OW"), lambda: self.word(place).encode()),
            "DS": lambda: "4.5",
            "IS": lambda: "3",
            "TM": lambda: "101112",
            "AS": lambda: "093Y",
        }
        return made.get(kind, lambda: 3)()


def plant_everywhere(dataset: Dataset, planted: Planted, place: str) -> None:
    """Give a data set every attribute that the profile lists, one token each."""
    for tag in listed_tags():
        keyword = keyword_for_tag(tag)
        if not dictionary_has_tag(tag) or keyword in NOT_PLANTED or tag >> 16 in {0, 2, 4}:
            continue
        kind = dictionary_VR(tag)
        if kind == "SQ":
            item = Dataset()
            item.PatientName = planted.value(f"{place} {keyword} name", "PN")
            item.CodeValue = planted.word(f"{place} {keyword} value", 14)
            item.CodeMeaning = planted.word(f"{place} {keyword} meaning")
            item.ReferencedSOPInstanceUID = planted.uid(f"{place} {keyword} uid")
            if keyword not in {"ReferencedImageSequence", "SourceImageSequence"}:
                dataset.add_new(tag, kind, Sequence([item]))
            continue
        dataset.add_new(tag, kind, planted.value(f"{place} {keyword}", kind))


def image(number: int = 0) -> Dataset:
    """Return an ordinary slice."""
    pixels = slice_hu((0, 0, 2.0 * number), (1, 0, 0), (0, 1, 0), (8, 8), (1.0, 1.0))
    one = ct_slice(pixels, (0, 0, 2.0 * number))
    one.InstanceNumber = number + 1
    return one


def nested(depth: int, innermost: Dataset) -> Sequence:
    """Return a sequence that holds a data set so many levels down, in attributes that are kept."""
    names = ["SourceImageSequence", "PurposeOfReferenceCodeSequence", "EquivalentCodeSequence"]
    item = innermost
    for level in range(depth - 1):
        outer = Dataset()
        outer.add_new(tag_for_keyword(names[level % 3]) or 0, "SQ", Sequence([item]))
        item = outer
    return Sequence([item])


def traces(
    folder: Path, tokens: dict[str, str], encodings: tuple[str, ...] = ("utf-8",)
) -> set[str]:
    """Return the places whose token is found in any byte, or any name, below a folder."""
    found = set()
    for path in folder.rglob("*"):
        data = path.name.encode() + (path.read_bytes() if path.is_file() else b"")
        low = data.lower()
        for place, token in tokens.items():
            for encoding in encodings:
                try:
                    code = token.encode(encoding)
                except UnicodeEncodeError:
                    continue
                inside = re.escape(code.lower())
                if token.isdigit():  # new UIDs hold any digits by chance
                    inside = rb"(?<![\d.])" + inside
                if re.search(inside, low):
                    found.add(f"{path.name}: {place}")
    return found


def write(dataset: Dataset, folder: Path, name: str) -> Path:
    return save(dataset, folder / name)
