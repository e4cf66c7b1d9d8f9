"""headway_pipeline: customer calls in, grounded and themed product feedback out."""

__version__ = "0.1.0"
