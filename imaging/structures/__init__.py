"""The structures around a lesion: what they are, where they are, how they were found."""
