"""The watch: its state, its position, and its form in a URL."""
