"""The medicine and the physics of a plan; knows no screen."""
