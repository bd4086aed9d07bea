"""What the pointer does in a view."""
