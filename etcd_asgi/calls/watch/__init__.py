"""The watch: its state, its position, and how it is asked for in a URL."""
