"""INPUT, as people give it to label something new: opened wherever it lies, one input at a time."""
