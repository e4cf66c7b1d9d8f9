"""The offline analyst: rules of language over an utterance's clauses, words in common for themes; pure Python."""

from headway_pipeline.analysis.offline.analyst import OfflineAnalyst

__all__ = ["OfflineAnalyst"]
