"""What a treatment may do when tissues and needles are not exactly as planned."""
