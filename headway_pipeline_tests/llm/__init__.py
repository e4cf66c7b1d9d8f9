"""Tests of `headway_pipeline.llm`."""
