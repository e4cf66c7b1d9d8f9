"""One module a subject, each with its `router`; `app.py` lists them."""
