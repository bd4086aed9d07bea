"""The windows of follow-up: one lesion's treatments, and a folder's list and series."""
