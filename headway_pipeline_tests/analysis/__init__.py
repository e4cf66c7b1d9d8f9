"""Tests of grounding, extraction, matching and the offline analyst; every line of speech was written for them."""
