"""Exercises in the workstation: begun, answered, handed in, and the page of feedback."""
