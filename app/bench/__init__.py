"""What `osteoplan bench` measures."""
