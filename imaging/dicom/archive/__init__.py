"""Talks to an archive: verification, search, fetch, send and receive, over DIMSE and DICOMweb."""
