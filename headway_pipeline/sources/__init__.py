"""One file or package per source behind one contract.

What belongs here: how a source is asked and how its answers become the normal form of `model/calls.py`.
What does not: windows, retries, rate limits and the ledger (`ingestion/`), and anything stored (`store/`).

A new source is one file in this folder with a subclass of `contract.Source`, or a package that hands one on; it is
discovered.
"""
