"""The sandbox: that it behaves as the real API does."""
