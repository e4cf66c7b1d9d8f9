"""The local language models."""
