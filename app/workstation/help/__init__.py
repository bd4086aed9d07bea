"""Help inside the window: keys, a first tour, what the program is."""
