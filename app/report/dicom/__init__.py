"""The report as DICOM objects in the patient's own study: masks, measures, pictures, PDF."""
