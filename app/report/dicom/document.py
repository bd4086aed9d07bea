"""The report's PDF as an Encapsulated PDF object (DICOM PS3.3, A.45.1)."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian, generate_uid

from app.report.dicom.captures import reference
from app.report.dicom.source import CtSource, described
from imaging.dicom.segmentation_write import MAKER

DOCUMENT_SERIES = 9003


def document_object(pdf: bytes, source: CtSource) -> Dataset:
    """Return the PDF as a DICOM object.

    Parameters
    ----------
    pdf : bytes
        The report.
    source : CtSource
        The CT.

    Returns
    -------
    pydicom.Dataset
        In a series of its own.
    """
    now = datetime.now()
    made = Dataset()
    made.SOPClassUID = EncapsulatedPDFStorage
    made.SOPInstanceUID = generate_uid()
    made.SeriesInstanceUID = generate_uid()
    made.SeriesNumber = DOCUMENT_SERIES
    made.InstanceNumber = 1
    made.Modality = "DOC"
    made.Manufacturer = MAKER
    made.ManufacturerModelName = MAKER
    made.SoftwareVersions = version("osteoplan")
    made.ConversionType = "WSD"
    made.SeriesDescription = described("report")
    made.BurnedInAnnotation = "YES"  # the report names the patient
    made.InstanceCreationDate = made.ContentDate = now.strftime("%Y%m%d")
    made.InstanceCreationTime = made.ContentTime = now.strftime("%H%M%S")
    made.AcquisitionDateTime = ""  # the CT's, not the report's; the study's date holds it
    made.DocumentTitle = "Intervention plan"
    made.ConceptNameCodeSequence = []
    made.SourceInstanceSequence = [reference(image) for image in source.images]
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    made.EncapsulatedDocumentLength = len(pdf)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made
