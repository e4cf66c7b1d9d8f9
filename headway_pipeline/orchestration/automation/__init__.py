"""Sensors that ask for runs or keep Dagster's records in step: one file each, and what they share in `requests.py`.

What belongs here: a query of the store, a pure function that decides from its answer, and a request. What does not:
schedules, and how a run does its work.
"""
