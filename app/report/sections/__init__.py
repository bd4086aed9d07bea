"""What the report says, section by section, as plain rows; the PDF only sets it."""
