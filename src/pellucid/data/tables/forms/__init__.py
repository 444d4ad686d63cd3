"""Tables as JSON documents, workbooks, lines of fastText and rows of Orange, and what a table is."""
