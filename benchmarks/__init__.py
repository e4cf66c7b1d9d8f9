"""What the parts cost, measured; run one as `python -m benchmarks.grounding`."""
