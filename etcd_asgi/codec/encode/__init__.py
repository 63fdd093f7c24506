"""Messages to JSON, as Go's libraries write it."""
