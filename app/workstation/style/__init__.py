"""How the workstation looks."""
