"""The REST API: reads, edits and requests for work over HTTP.

What belongs here: routes, who may call them, what they take and answer. What does not: SQL (`store/`), and Dagster,
which is reached through `orchestration/launch.py` or its webserver only.

A request passes the wall (`wall.py`: host, rate, size, token) before a route sees it; every route names the role it
needs (`access.py`); every refusal is a problem (`problems.py`).
"""
