"""The offline analyst: rules of language and a small linear model over an utterance's clauses; pure Python.

Themes are matched by words in common, and by meaning with the extra `local`.
"""

from headway_pipeline.analysis.offline.analyst import OfflineAnalyst, installed_analyst
from headway_pipeline.analysis.offline.judging import By

__all__ = ["By", "OfflineAnalyst", "installed_analyst"]
