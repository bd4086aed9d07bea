"""A library of cases: anonymised series, their plans and what became of them, in one folder."""
