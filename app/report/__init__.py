"""The report: pictures, PDF and DICOM objects."""
