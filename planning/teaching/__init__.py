"""Exercises for residents: a case with a task, marked by the engine that plans."""
