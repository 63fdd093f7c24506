"""JSON to messages: the fast decoder, and the one that is exact about what Go takes."""
