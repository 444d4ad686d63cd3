"""Pages: what all pages share (one script, one policy, one language), and local servers for them."""
