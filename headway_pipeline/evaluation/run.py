"""Asks an analyst every question over every set of a folder."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.evaluation import decided, reference, sentences, theming
from headway_pipeline.evaluation.labelled import DataFolder
from headway_pipeline.evaluation.measure import Measure

__all__ = ["QUESTIONS", "Evaluation", "evaluate"]

Asking = Callable[[Analyst, DataFolder, int | None], Iterator[Measure]]

#: Every question, in the order of the report.
QUESTIONS: Mapping[str, tuple[Asking, ...]] = {
    "type": (sentences.types, sentences.requirements),
    "relevance": (theming.relevance,),
    "theme": (theming.matches, decided.filings),
    "sentiment": (sentences.sentiments,),
    "extraction": (reference.extractions, decided.findings),
    "quotes": (reference.quotes,),
    "sides": (reference.sides,),
}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An analyst's figures on everything a folder holds.

    Attributes:
        cpu_s: CPU seconds of this process.
    """

    analyst: str
    version: str
    measures: tuple[Measure, ...]
    cpu_s: float
    limit: int | None = None


def evaluate(
    analyst: Analyst,
    data: DataFolder,
    *,
    only: Collection[str] = (),
    limit: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Ask `analyst` all questions, or `only` some.

    Args:
        limit: at most this many cases of a set; a model's answers cost money.
        progress: told which question is asked.

    Raises:
        InputError: a set is malformed.
    """
    began = time.process_time()
    measures: list[Measure] = []
    for question, askings in QUESTIONS.items():
        if not only or question in only:
            progress(question)
            measures += chain.from_iterable(asking(analyst, data, limit) for asking in askings)
    spent = time.process_time() - began
    return Evaluation(analyst.name, analyst.version, tuple(measures), round(spent, 1), limit)
