"""The step of technique and doses: questions, proposal, sources, print and export."""
