"""A local Fathom: what its API answers, to whom, and in which shapes."""
