"""Archives, read member by member without unpacking them to disk; nothing that they claim is trusted."""
