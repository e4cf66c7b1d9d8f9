"""The analyst that asks a language model, through whatever it is given to ask with.

What belongs here: what is asked (`prompts/`), how a call is shown, and what of an answer is believed. What does not:
who answers (`llm/`), what was answered before and what it may cost (`ingestion/asking.py`).
"""

from headway_pipeline.analysis.language_model.analyst import LanguageModelAnalyst
from headway_pipeline.analysis.language_model.conversation import Answer, Asker

__all__ = ["Answer", "Asker", "LanguageModelAnalyst"]
