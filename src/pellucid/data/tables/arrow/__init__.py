"""Tables in columns, Parquet and Arrow: read block by block, the images in their cells one at a time."""
