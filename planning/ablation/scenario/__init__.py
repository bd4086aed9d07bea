"""The scenario file of ``osteoplan simulate``: read, checked, answered."""
