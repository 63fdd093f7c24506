"""Helpers for single host frameworks. Each module is imported by who uses that framework alone."""
