"""Tables (YAML), icons and translations."""
