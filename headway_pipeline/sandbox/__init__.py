"""A local Gong and a local Fathom over real HTTP, for demos and tests.

The pipeline meets them as it meets the vendors' APIs. They know nothing of it but `model/`, and it knows
nothing of them.
"""
