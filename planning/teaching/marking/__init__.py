"""How an answer is marked: terms, their points, and the faults that fail whatever the points."""
