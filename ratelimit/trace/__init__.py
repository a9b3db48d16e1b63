"""Traces: what a gateway logs, read line by line, and decided again in its own time. ``replay`` says the format."""
