"""The linked views: slices, three dimensions."""
