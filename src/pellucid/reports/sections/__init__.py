"""Content of each section of the report; its looks stand in the template of the same name."""
