"""Copies of DICOM studies without identifiers, checked by reading them again.

Elements follow the basic application level confidentiality profile of DICOM PS3.15 with the options
for modified dates and clean descriptors. A file that may show text in its pixels is set aside. The
copies count as done only when no identifier of the originals is found in what was written.
"""

from imaging.dicom.anonymise.beside import Beside
from imaging.dicom.anonymise.options import Options
from imaging.dicom.anonymise.report import AnonymisedStudy, Report
from imaging.dicom.anonymise.study import anonymise, anonymise_files

__all__ = ["AnonymisedStudy", "Beside", "Options", "Report", "anonymise", "anonymise_files"]
