"""A local Gong over real HTTP, for demos and tests: the pipeline meets it as it meets the vendor's API.

It knows nothing of the pipeline but `model/`, and the pipeline knows nothing of it.
"""
