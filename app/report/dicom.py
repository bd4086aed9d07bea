"""The report as DICOM objects in the patient's own study: mask, pictures, PDF.

They carry the patient's identity, because they go back to the archive the CT came from; it is taken
from the CT's headers and nowhere else. Without DICOM headers (NIfTI, NRRD) nothing is made.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian, generate_uid

from imaging.dicom.discover import discover, opened
from imaging.errors import ImagingError
from imaging.files import is_image_file
from imaging.geometry import SAME_GRID_TOLERANCE_MM, BoolArray, Grid
from planning.plan import Case, SeriesReference
from planning.store import Picture

MAKER = "Osteoplan"
SERIES_NUMBERS = {"segmentation": 9001, "capture": 9002, "pdf": 9003}
STUDY_KEYWORDS = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)


def dicom_objects(case: Case, pictures: Sequence[Picture], pdf: bytes) -> dict[str, bytes]:
    """Return the DICOM objects of a report.

    Parameters
    ----------
    case : Case
        With the series it was planned on.
    pictures : sequence of Picture
        To become secondary captures.
    pdf : bytes
        The report.

    Returns
    -------
    dict
        File name to content; empty when the CT is not there as DICOM.
    """
    sources = source_images(case.plan.series)
    if not sources:
        return {}
    made = {"report.dcm": _encapsulated(sources[0], pdf)}
    made |= _captures(sources[0], pictures)
    segmentation = None
    if case.lesion is not None:
        segmentation = lesion_segmentation(case.lesion, case.plan.series.grid, sources)
    if segmentation is not None:
        made["lesion-seg.dcm"] = segmentation
    return made


def source_images(series: SeriesReference) -> list[Dataset]:
    """Return the CT's images in the order of the volume's slices, without their pixels.

    Parameters
    ----------
    series : SeriesReference
        What the plan knows of the CT.

    Returns
    -------
    list of pydicom.Dataset
        Empty when the CT is not there as DICOM.
    """
    place = Path(series.path)
    if is_image_file(place) or not place.exists():
        return []
    try:
        with opened(place) as files:
            found = discover(files, place)
            wanted = [one for one in found.series if one.uid == series.uid]
            headers = wanted[0].headers if wanted else ()
            images: list[Dataset] = [
                pydicom.dcmread(one.path, stop_before_pixels=True) for one in headers
            ]
    except ImagingError:
        return []
    if any("ImagePositionPatient" not in image for image in images):
        return images[:1]
    normal = series.grid.affine_kji_to_lps[:3, 0]
    return sorted(images, key=lambda one: float(np.dot(one.ImagePositionPatient, normal)))


def _bytes(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _captures(source: Dataset, pictures: Sequence[Picture]) -> dict[str, bytes]:
    series = generate_uid()
    made = {}
    for number, picture in enumerate(pictures, start=1):
        pixels = np.array(Image.open(io.BytesIO(picture.png)).convert("RGB"))
        capture = hd.sc.SCImage.from_ref_dataset(
            ref_dataset=source,
            pixel_array=pixels,
            photometric_interpretation="RGB",
            bits_allocated=8,
            coordinate_system="PATIENT",
            series_instance_uid=series,
            sop_instance_uid=generate_uid(),
            series_number=SERIES_NUMBERS["capture"],
            instance_number=number,
            manufacturer=MAKER,
            patient_orientation=("L", "P"),
        )
        capture.SeriesDescription = "Osteoplan pictures (planning aid)"
        capture.BurnedInAnnotation = "NO"
        capture.Laterality = ""
        made[f"{Path(picture.name).stem}.dcm"] = _bytes(capture)
    return made


def _encapsulated(source: Dataset, pdf: bytes) -> bytes:
    """Return the PDF in an Encapsulated PDF object (DICOM PS3.3 A.45.1)."""
    now = datetime.now()
    dataset = Dataset()
    for keyword in STUDY_KEYWORDS:
        setattr(dataset, keyword, source.get(keyword, ""))
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.SeriesNumber = SERIES_NUMBERS["pdf"]
    dataset.InstanceNumber = 1
    dataset.Modality = "DOC"
    dataset.Manufacturer = MAKER
    dataset.ConversionType = "WSD"
    dataset.SeriesDescription = "Osteoplan report (planning aid)"
    dataset.BurnedInAnnotation = "NO"
    dataset.ContentDate = now.strftime("%Y%m%d")
    dataset.ContentTime = now.strftime("%H%M%S")
    dataset.AcquisitionDateTime = now.strftime("%Y%m%d%H%M%S")
    dataset.DocumentTitle = "Intervention plan"
    dataset.ConceptNameCodeSequence = []
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    dataset.EncapsulatedDocumentLength = len(pdf)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return _bytes(dataset)


def lesion_segmentation(lesion: BoolArray, grid: Grid, sources: list[Dataset]) -> bytes | None:
    """Return the lesion as DICOM SEG.

    Parameters
    ----------
    lesion : numpy.ndarray
        Mask of shape ``grid.size_kji``.
    grid : Grid
        Where it lies.
    sources : list of pydicom.Dataset
        The CT's images, as `source_images` gives them.

    Returns
    -------
    bytes or None
        The file; None where the volume's slices are not the CT's own.
    """
    if len(sources) != grid.size_kji[0]:
        return None
    places = grid.to_lps([(k, 0, 0) for k in range(grid.size_kji[0])])
    own = np.array([one.get("ImagePositionPatient", (np.inf,) * 3) for one in sources], dtype=float)
    same_size = (sources[0].Rows, sources[0].Columns) == grid.size_kji[1:]
    if not same_size or np.abs(own - places).max() > 10 * SAME_GRID_TOLERANCE_MM:
        return None
    used = np.flatnonzero(lesion.any(axis=(1, 2)))
    description = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="Lesion",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Neoplasm,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="Osteoplan one-click outline",
            version=version("osteoplan"),
            family=codes.DCM.MorphologicalOperations,
        ),
    )
    segmentation = hd.seg.Segmentation(
        source_images=[sources[k] for k in used],
        pixel_array=lesion[used].astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[description],
        series_instance_uid=generate_uid(),
        series_number=SERIES_NUMBERS["segmentation"],
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=version("osteoplan"),
        device_serial_number="1",
        series_description="Osteoplan lesion (planning aid)",
    )
    return _bytes(segmentation)
