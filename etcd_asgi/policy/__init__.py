"""What the host decides: who may call what, on which keys, and who is told of it."""
