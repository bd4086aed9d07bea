"""No planted identifier is found in any byte of what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from imaging.dicom.anonymise import Options, anonymise
from imaging.dicom.elements import GE_IMPLICIT_BIG_ENDIAN
from imaging.errors import ImagingError
from tests.imaging.dicom.anonymise.planting import (
    Planted,
    image,
    nested,
    plant_everywhere,
    traces,
    write,
)
from tests.imaging.dicom.making import read_file

SCRIPTS = {
    "ISO_IR 100": ("Müßiggang^Éléonore", "latin-1", ("Müßiggang", "Éléonore")),
    "ISO_IR 126": ("Διονυσιος^Παπαδόπουλος", "iso8859_7", ("Διονυσιος",)),
    "ISO_IR 144": ("Люкceмбypг^Екатерина", "iso8859_5", ("Екатерина",)),
    "\\ISO 2022 IR 87": (
        "Yamada^Tarou=山田太^太郎丸=やまだ^たろう",
        "iso2022_jp",
        ("山田太", "Yamada", "やまだ"),
    ),
    "ISO_IR 192": ("Wang^XiaoDong=王小^小东", "utf-8", ("XiaoDong", "王小")),
    "GB18030": ("Wang^XiaoDong=王小明^小东东", "gb18030", ("XiaoDong", "王小明")),
}


@pytest.mark.parametrize("dates", ["shift", "remove"])
@pytest.mark.parametrize("descriptors", ["clean", "remove"])
def test_every_attribute_of_the_profile_is_planted_and_none_is_left(
    tmp_path: Path, dates: str, descriptors: str
) -> None:
    planted = Planted()
    one = image()
    plant_everywhere(one, planted, "root")
    inner = Dataset()
    plant_everywhere(inner, planted, "nested")
    one.SourceImageSequence = nested(5, inner)
    write(one, tmp_path / "in", "a.dcm")
    options = Options(dates=dates, descriptors=descriptors)  # type: ignore[arg-type]
    done = anonymise(tmp_path / "in", tmp_path / "out", options=options)
    assert len(done.files) == 1
    assert len(planted.tokens) > 1000
    assert done.report.check.identifiers_searched > 900
    moved = {token for token in planted.tokens.values() if token.isdigit()}
    written = {str(v) for v in _dates(read_file(done.files[0]))}
    kept = {place: t for place, t in planted.tokens.items() if t not in written & moved}
    assert len(planted.tokens) - len(kept) <= 5  # a moved date may fall on another one
    assert traces(tmp_path / "out", kept) == set()


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
    ids=lambda syntax: syntax.name,
)
def test_each_way_of_writing_is_kept_and_holds_nothing(tmp_path: Path, syntax: UID) -> None:
    planted = Planted()
    one = image()
    plant_everywhere(one, planted, "root")
    one.SourceImageSequence = nested(3, _planted(planted))
    one.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        one.PixelData = np.frombuffer(one.PixelData, "<u2").astype(">u2").tobytes()
    write(one, tmp_path / "in", "a.dcm")
    done = anonymise(tmp_path / "in", tmp_path / "out", options=Options(dates="remove"))
    assert traces(tmp_path / "out", planted.tokens) == set()
    copy = read_file(done.files[0])
    assert copy.file_meta.TransferSyntaxUID == syntax
    assert copy.PixelData == one.PixelData


def _planted(planted: Planted) -> Dataset:
    inner = Dataset()
    plant_everywhere(inner, planted, "nested")
    return inner


def test_pixels_of_the_private_syntax_of_a_maker_stay(tmp_path: Path) -> None:
    one = image()
    one.PatientName = "Quandt^Xaver"
    one.file_meta.TransferSyntaxUID = UID(GE_IMPLICIT_BIG_ENDIAN)
    (tmp_path / "in").mkdir()
    one.save_as(
        tmp_path / "in" / "a", implicit_vr=True, little_endian=True, enforce_file_format=True
    )
    done = anonymise(tmp_path / "in", tmp_path / "out")
    assert traces(tmp_path / "out", {"name": "Quandt"}) == set()
    copy = read_file(done.files[0])
    assert copy.file_meta.TransferSyntaxUID == GE_IMPLICIT_BIG_ENDIAN
    assert copy.PixelData == one.PixelData


def test_an_element_of_unknown_representation_is_treated_by_its_tag(tmp_path: Path) -> None:
    one = image()
    one.PatientName = "Quandt^Xaver"
    path = write(one, tmp_path / "in", "a.dcm")
    data = path.read_bytes()
    before_pixels = data.rfind(b"\xe0\x7f\x10\x00OW")
    item = b"\x10\x00\x10\x00\x0c\x00\x00\x00Quandt^Xaver"  # implicit, as UN has it
    sequence = b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item
    unknown = b"Quandt"
    added = b"".join(
        tag + b"UN\0\0" + len(value).to_bytes(4, "little") + value
        for tag, value in ((b"\x40\x00\x01\x11", sequence), (b"\x40\x00\x99\x99", unknown))
    )
    path.write_bytes(data[:before_pixels] + added + data[before_pixels:])
    anonymise(path, tmp_path / "out")
    assert traces(tmp_path / "out", {"a": "Quandt", "b": "Xaver"}) == set()


def test_a_name_whose_bytes_contradict_the_character_set_is_gone(tmp_path: Path) -> None:
    one = image()
    one.PatientName, one.Manufacturer = "M.ssiggang^X", "Maker M.ssiggang"
    path = write(one, tmp_path / "in", "a.dcm")
    path.write_bytes(path.read_bytes().replace(b"M.ssiggang", b"M\xfcssiggang"))
    done = anonymise(path, tmp_path / "out")
    assert traces(tmp_path / "out", {"name": "ssiggang"}) == set()
    assert read_file(done.files[0]).Manufacturer == "Maker"


def test_sequences_without_end_are_set_aside(tmp_path: Path) -> None:
    one = image()
    one.SourceImageSequence = nested(200, Dataset())
    write(one, tmp_path / "in", "a.dcm")
    write(image(1), tmp_path / "in", "b.dcm")
    done = anonymise(tmp_path / "in", tmp_path / "out")
    assert [each.path for each in done.skipped] == ["file 1"]


def _dates(dataset: Dataset) -> list[str]:
    found = []
    for element in dataset:
        if isinstance(element.value, Sequence):
            for item in element.value:
                found += _dates(item)
        elif element.VR in {"DA", "DT"} and element.value:
            found.append(str(element.value)[:8])
    return found


@pytest.mark.parametrize("sets", SCRIPTS)
def test_a_name_in_any_script_is_gone_from_text_that_stays(tmp_path: Path, sets: str) -> None:
    name, encoding, parts = SCRIPTS[sets]
    one = image()
    one.SpecificCharacterSet = sets.split("\\")
    one.PatientName = name
    one.Manufacturer = f"Maker {parts[0]}"
    one.SoftwareVersions = [parts[-1], "V1"]
    one.ImageComments = f"abdomen {parts[0]}"
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99X", parts[0]
    one.SourceImageSequence = nested(3, item)
    write(one, tmp_path / "in", "a.dcm")
    done = anonymise(tmp_path / "in", tmp_path / "out")
    tokens = dict(zip(parts, parts, strict=True))
    assert traces(tmp_path / "out", tokens, ("utf-8", encoding)) == set()
    copy = read_file(done.files[0])
    assert copy.Manufacturer.strip() == "Maker"
    assert copy.ImageComments == "abdomen"


def test_places_outside_the_data_set_hold_nothing(tmp_path: Path) -> None:
    planted = Planted()
    one = image()
    one.PatientName = f"{planted.word('family')}^{planted.word('given')}"
    one.preamble = planted.word("preamble").encode().ljust(128, b"\0")
    one.file_meta.SourceApplicationEntityTitle = planted.word("title", 14)
    one.file_meta.PrivateInformationCreatorUID = UID(planted.uid("creator"))
    one.file_meta.PrivateInformation = planted.word("private meta").encode()
    one.file_meta.ImplementationVersionName = planted.word("implementation", 14)
    one.add_new(0xFFFCFFFC, "OB", planted.word("padding").encode())
    one.add_new(0x60000010, "US", 8)
    one.add_new(0x60003000, "OW", planted.word("overlay").encode())
    one.add_new(0x60004000, "LT", planted.word("overlay comments"))
    one.add_new(0x50003000, "OW", planted.word("curve").encode())
    block = one.private_block(0x0009, planted.word("private creator"), create=True)
    block.add_new(1, "LO", planted.word("private"))
    inner = Dataset()
    deep = inner.private_block(0x0011, planted.word("inner creator"), create=True)
    deep.add_new(1, "SQ", Sequence([Dataset()]))
    deep.add_new(2, "UN", planted.word("inner private").encode())
    inner.add_new(0x00081EFE, "UN", planted.word("unknown attribute").encode())
    one.SourceImageSequence = nested(5, inner)
    folder = tmp_path / "in" / planted.word("folder")
    write(one, folder, f"{planted.word('file')}.dcm")
    done = anonymise(tmp_path / "in", tmp_path / "out")
    assert traces(tmp_path / "out", planted.tokens) == set()
    assert done.report.private_elements_removed >= 5
    assert done.report.overlays_and_unknown_removed >= 4


def test_an_identifier_of_one_file_is_gone_from_the_others(tmp_path: Path) -> None:
    first, second = image(0), image(1)
    first.PatientName, first.PatientID = "Quandt^Xaver", "MRN 448812"
    second.PatientName, second.PatientID = "", "MRN 448812"
    second.SeriesDescription = "Abdomen Quandt 3.0"
    second.SegmentAlgorithmName = "xaver engine"
    write(first, tmp_path / "in", "1.dcm")
    write(second, tmp_path / "in", "2.dcm")
    done = anonymise(tmp_path / "in", tmp_path / "out")
    tokens = {one: one for one in ("Quandt", "Xaver", "448812")}
    assert traces(tmp_path / "out", tokens) == set()
    assert {read_file(file).get("SeriesDescription") for file in done.files} == {
        None,
        "Abdomen 3.0",
    }


def test_short_names_are_looked_for_as_whole_words_only(tmp_path: Path) -> None:
    one = image()
    one.PatientName, one.PatientID = "Axt^Ori", "12345"
    one.ManufacturerModelName = "Axtra Ori 12345"
    write(one, tmp_path / "in", "1.dcm")
    copy = read_file(anonymise(tmp_path / "in", tmp_path / "out").files[0])
    assert copy.ManufacturerModelName == "Axtra"
    assert list(copy.ImageType) == ["ORIGINAL", "PRIMARY", "AXIAL"]


def test_a_pseudonym_that_is_the_name_is_refused_without_saying_it(tmp_path: Path) -> None:
    one = image()
    one.PatientName = "Quandt^Xaver"
    write(one, tmp_path / "in", "1.dcm")
    with pytest.raises(ImagingError) as refused:
        anonymise(tmp_path / "in", tmp_path / "out", options=Options(name="Quandt 1"))
    assert refused.value.code == "identifier_left"
    assert "uandt" not in str(refused.value.problems)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


WORD = st.text("BCDFGHJKLMNPQRSTVWXZ", min_size=7, max_size=12)  # no word of the table


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(family=WORD, given_name=WORD, text=st.lists(WORD, max_size=3))
def test_no_word_of_a_description_stays_that_is_not_in_the_table(
    tmp_path_factory: pytest.TempPathFactory, family: str, given_name: str, text: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("words")
    one = image()
    one.PatientName = f"{family}^{given_name}"
    one.StudyDescription = " ".join(["thorax", given_name.lower(), *text])[:64]
    one.ContentDescription = " ".join([family.title(), *text])[:64]
    write(one, folder / "in", "1.dcm")
    copy = read_file(anonymise(folder / "in", folder / "out").files[0])
    assert copy.StudyDescription == "thorax"
    assert copy.ContentDescription == "ANONYMISED"


def test_pixels_and_geometry_are_bit_identical(tmp_path: Path) -> None:
    one = image()
    one.PixelSpacing = ["0.70312500", "0.7031250"]
    one.ImagePositionPatient = ["-1.25e1", "+3", "0.10"]
    write(one, tmp_path / "in", "1.dcm")
    before = (tmp_path / "in" / "1.dcm").read_bytes()
    copy_path = anonymise(tmp_path / "in", tmp_path / "out").files[0]
    assert (tmp_path / "in" / "1.dcm").read_bytes() == before
    data = copy_path.read_bytes()
    for text in (b"0.70312500\\0.7031250", b"-1.25e1\\+3\\0.10", one.PixelData):
        assert text in data
    np.testing.assert_array_equal(read_file(copy_path).pixel_array, one.pixel_array)
