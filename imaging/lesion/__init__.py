"""The lesion: found from a click, corrected, judged."""
