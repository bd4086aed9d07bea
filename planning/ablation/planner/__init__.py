"""Treatments planned by the program: the fewest probes that do it, or what gives first."""
