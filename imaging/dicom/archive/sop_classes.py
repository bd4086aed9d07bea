"""What is exchanged with an archive: storage classes and the their encodings (PS3.4, B.5)."""

from __future__ import annotations

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    CTImageStorage,
    EncapsulatedPDFStorage,
    EnhancedCTImageStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    MRImageStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    RTStructureSetStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

VERIFICATION = UID("1.2.840.10008.1.1")
STUDY_ROOT_FIND = UID("1.2.840.10008.5.1.4.1.2.2.1")
STUDY_ROOT_MOVE = UID("1.2.840.10008.5.1.4.1.2.2.2")
STUDY_ROOT_GET = UID("1.2.840.10008.5.1.4.1.2.2.3")

# The archive may send any of these; each is stored as it comes and decoded only when read.
# Deflated data are left out: a few bytes of them may expand to any size.
PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
COMPRESSED = (
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    RLELossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    HTJ2KLossless,
    HTJ2K,
)
IMAGES = (
    CTImageStorage,
    EnhancedCTImageStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
)
DOCUMENTS = (
    SegmentationStorage,
    RTStructureSetStorage,
    EncapsulatedPDFStorage,
    BasicTextSRStorage,
    EnhancedSRStorage,
    ComprehensiveSRStorage,
    Comprehensive3DSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
)
STORED = (*IMAGES, *DOCUMENTS)
MAX_CONTEXTS = 128  # presentation contexts of one association (PS3.8, 9.3.2.2)


def syntaxes_of(sop_class: UID) -> tuple[UID, ...]:
    """Return the encodings an object of this class may arrive in.

    Parameters
    ----------
    sop_class : UID
        Storage class.

    Returns
    -------
    tuple of UID
        Transfer syntaxes.
    """
    return (*PLAIN, *COMPRESSED) if sop_class in IMAGES else PLAIN


def contexts_to_get() -> list[tuple[UID, list[UID]]]:
    """Return what is proposed for C-GET: one context an encoding, so that nothing is transcoded.

    Returns
    -------
    list of tuple
        Storage class and transfer syntaxes of each context; room for the query model is left.
    """
    images = [(uid, [syntax]) for uid in IMAGES for syntax in syntaxes_of(uid)]
    return images + [(uid, list(syntaxes_of(uid))) for uid in DOCUMENTS]
