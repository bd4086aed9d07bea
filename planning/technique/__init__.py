"""What to do, with which doses, and why: rules, scores, doses."""
