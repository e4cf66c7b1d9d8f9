"""Trains the offline analyst's linear model on the lines beside this file and writes its weights as JSON.

    pip install -e '.[training]'
    python -m training.train

Needs scikit-learn to fit and the extra `local` to embed words; what it writes needs neither. The fit is
deterministic. Every line was written for this project. Prints the five-fold cross-validation.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report
from sklearn.model_selection import cross_val_predict

from headway_pipeline.analysis.offline.cues import flags_of, pairs_of
from headway_pipeline.analysis.offline.linear import ROW_TYPES, SCALE
from headway_pipeline.analysis.offline.local.minilm import load_minilm
from headway_pipeline.analysis.offline.local.wordpiece import vocabulary
from headway_pipeline.analysis.offline.rules import find
from headway_pipeline.analysis.offline.sentences import Clause, words_of
from headway_pipeline.analysis.offline.sentiment import tone_of
from headway_pipeline.model.calls import Side

LINES = Path(__file__).parent / "lines"
WEIGHTS = Path(__file__).parents[1] / "headway_pipeline" / "analysis" / "offline" / "weights.json"
OTHER = "other"
LABELS = (*(kind.value for kind in ROW_TYPES), OTHER)
#: How strongly weights are held near 0; the inverse of scikit-learn's `C`.
INVERSE_PENALTY = 0.6
#: Words whose kind is worked out: the commonest of the vocabulary, which is ordered by frequency.
COMMON_WORDS = 10_000
#: Directions of meaning kept of an embedding, and their weight beside the other cues.
DIRECTIONS, KIND_SCALE = 64, 5.0
#: Pairs whose weights are all below this do not change an answer and are not written.
SMALLEST = 0.05


def read_lines() -> list[tuple[str, str]]:
    """Every line with its label."""
    return [
        (line, label)
        for label in LABELS
        for line in (LINES / f"{label}.txt").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]


def clause_of(line: str) -> Clause:
    """A line as one clause, however many sentences it is."""
    return Clause(0, Side.CUSTOMER, 0, len(line), line, words_of(line), line.endswith("?"), 0)


def cues_in(line: str) -> list[str]:
    """What the model sees of a line: words, pairs with a space between, flags."""
    clause = clause_of(line)
    findings = find(clause)
    flags = flags_of(
        clause.words, findings.phrases, findings.guards, tone_of(clause.words), is_question=clause.is_question
    )
    return [*clause.words, *map(" ".join, pairs_of(clause.words)), *flags]


class Kinds:
    """Where common words lie among the main directions of meaning."""

    def __init__(self) -> None:
        words = [word for word in vocabulary() if word.isascii() and word.isalpha() and len(word) > 1]
        self.words = words[:COMMON_WORDS]
        vectors = load_minilm().embed(self.words).astype(np.float64)
        vectors -= vectors.mean(axis=0)
        _, _, directions = np.linalg.svd(vectors, full_matrices=False)
        self.places = KIND_SCALE * vectors @ directions[:DIRECTIONS].T
        self._row = {word: row for row, word in enumerate(self.words)}

    def mean(self, words: Sequence[str]) -> np.ndarray[Any, Any]:
        """The middle of the words that are common; the origin where none is."""
        rows = [self._row[word] for word in words if word in self._row]
        middle: np.ndarray[Any, Any] = self.places[rows].mean(axis=0) if rows else np.zeros(DIRECTIONS)
        return middle


def fit(lines: Sequence[tuple[str, str]], kinds: Kinds) -> tuple[LogisticRegression, list[str]]:
    """Fit the model, printing how it does on lines it has not seen."""
    seen = [dict.fromkeys(cues_in(line), 1.0) for line, _ in lines]
    labels = [label for _, label in lines]
    vectorizer = DictVectorizer()
    cues = vectorizer.fit_transform(seen)
    table = hstack([cues, csr_matrix([kinds.mean(words_of(line)) for line, _ in lines])]).tocsr()
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=2_000)
    predicted = cross_val_predict(model, table, labels, cv=5)
    sys.stdout.write(f"{len(lines)} lines, {cues.shape[1]} cues\n{classification_report(labels, predicted)}")
    return model.fit(table, labels), list(vectorizer.get_feature_names_out())


def export(model: LogisticRegression, names: Sequence[str], kinds: Kinds) -> None:
    """Write the weights, each relative to those of no feedback."""
    classes = list(model.classes_)
    order = [classes.index(kind.value) for kind in ROW_TYPES]
    relative = model.coef_[order] - model.coef_[classes.index(OTHER)]
    bias = model.intercept_[order] - model.intercept_[classes.index(OTHER)]
    cues = dict(_rows(names, relative[:, : len(names)].T))
    flags = {name: row for name, row in cues.items() if name.startswith("#")}
    pairs = {name: row for name, row in cues.items() if " " in name and name not in flags and _matters(row)}
    stored: dict[str, Any] = {
        "bias": [round(float(weight) * SCALE) for weight in bias],
        "words": {name: row for name, row in cues.items() if " " not in name and name not in flags},
        "pairs": pairs,
        "kinds": dict(_rows(kinds.words, kinds.places @ relative[:, len(names) :].T)),
        "flags": flags,
    }
    stored = {"version": hashlib.sha256(json.dumps(stored).encode()).hexdigest()[:12], **stored}
    WEIGHTS.write_text(json.dumps(stored, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    sys.stdout.write(f"wrote {WEIGHTS.name}: {WEIGHTS.stat().st_size // 1024} KB, version {stored['version']}\n")


def _rows(names: Sequence[str], weights: np.ndarray[Any, Any]) -> Iterator[tuple[str, list[int]]]:
    for name, row in zip(names, weights, strict=True):
        yield name, [round(float(weight) * SCALE) for weight in row]


def _matters(row: Sequence[int]) -> bool:
    return max(map(abs, row)) >= SMALLEST * SCALE


def main() -> None:
    """Train and write."""
    lines = read_lines()
    kinds = Kinds()
    model, names = fit(lines, kinds)
    export(model, names, kinds)


if __name__ == "__main__":
    main()
