"""The upper trunk: spine from C7 down, chest, shoulders and arms beside the body."""
