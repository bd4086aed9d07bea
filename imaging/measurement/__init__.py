"""Measures of a mask: diameters, volumes, densities, distances."""
