"""Which way in: needles, what they may cross, the search over the skin."""
