"""The window of the case library, and what the worker does for it."""
