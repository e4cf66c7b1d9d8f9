"""Sentence embeddings on this machine: MiniLM as an int8 ONNX file, with the extra `local`; no torch, no download."""

from headway_pipeline.analysis.offline.local.minilm import MiniLM, is_installed, load_minilm

__all__ = ["MiniLM", "is_installed", "load_minilm"]
