"""What estimators are made of: what they take, and what they learn."""
