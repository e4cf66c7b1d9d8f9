"""Plain data: windows, hashes, times, settings."""
