"""What people touch: the command line, the workstation, the report."""
