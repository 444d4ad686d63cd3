"""Units: any one of them down to its arithmetic."""
