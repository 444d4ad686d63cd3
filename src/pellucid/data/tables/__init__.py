"""Tables: separated values, JSONL and Parquet, read as a stream of rows."""
