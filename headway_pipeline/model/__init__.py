"""Plain frozen data and the error tree: what every other folder speaks in.

Nothing here does input or output, and nothing here knows a database, a source or Dagster.
"""
