"""What became of a treatment: visits, outcome, due dates, and the series of a centre."""
