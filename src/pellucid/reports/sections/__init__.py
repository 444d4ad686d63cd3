"""What each section of the report says; how it looks stands in the template of the same name."""
