"""A second series beside the planning CT: read in its own units, and laid on the same bone."""
