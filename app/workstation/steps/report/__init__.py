"""The step of the report: arranged, previewed, exported, sent."""
