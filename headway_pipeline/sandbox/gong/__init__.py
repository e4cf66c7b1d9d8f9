"""A local Gong: what its API answers, to whom, and in which shapes."""
