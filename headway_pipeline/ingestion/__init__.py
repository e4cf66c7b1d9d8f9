"""The engine, without Dagster: which calls are due at each stage, and how they get to the next one.

What belongs here: windows, page walks, limits, retries, patience, hydration, and the stages that ask an analyst.
What does not: what a source's API looks like (`sources/`), SQL (`store/`), how a text is read (`analysis/`).
"""
