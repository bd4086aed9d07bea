"""Pixels and geometry: reading, segmentation, structures, measurement, generated cases."""
