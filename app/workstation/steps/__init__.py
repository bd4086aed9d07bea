"""The panels of the seven steps."""
