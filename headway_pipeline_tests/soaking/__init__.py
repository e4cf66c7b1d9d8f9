"""The soak: a month of calls, with everything going wrong at once, against what a ledger must say of it in the end.

`clock.py` and `weather.py` make the time, `setting.py` connects a pipeline to the sandbox, `schedule.py` says which
days are due when, `verdict.py` holds the ledger against the oracle. `killing.py` does the same with the real job in
processes of its own (`child.py`), which are killed.
"""
