"""Providers against a server that nobody here wrote, for whoever has one running.

HEADWAY_MODEL_PEER names its address, for example of npm's `@copilotkit/aimock`, whose fixtures must answer a message
with the word "conveyor" by `{"mood": "calm", "wishes": ["no foil"]}`::

    npx -p @copilotkit/aimock llmock -p 4010 -f fixtures.json
    HEADWAY_MODEL_PEER=http://127.0.0.1:4010 pytest headway_pipeline_tests/llm/test_peer.py
"""

import json
import os
import time

import pytest

from headway_pipeline.llm.contract import Access, BatchState, LLMResponse, Provider, Stop
from headway_pipeline.llm.openai import OpenAIProvider
from headway_pipeline_tests.llm.asking import request_to

PEER = os.environ.get("HEADWAY_MODEL_PEER", "").rstrip("/")

pytestmark = pytest.mark.skipif(not PEER, reason="HEADWAY_MODEL_PEER names no server of somebody else's")


def base_url(provider: type[Provider]) -> str:
    return PEER if provider.name == "anthropic" else f"{PEER}/v1"


def test_a_foreign_server_is_asked_and_understood(kind: type[Provider]) -> None:
    provider = kind(Access("sk-any", base_url(kind), 10.0))
    response = provider.complete(request_to(kind.name))
    provider.close()
    assert json.loads(response.text) == {"mood": "calm", "wishes": ["no foil"]}
    assert response.stop is Stop.END


def test_a_foreign_server_takes_a_batch() -> None:
    provider = OpenAIProvider(Access("sk-any", base_url(OpenAIProvider), 10.0))
    request = request_to("openai")
    external_id = provider.submit([request], "marker")
    for _ in range(50):
        if (state := provider.poll(external_id).state) is not BatchState.RUNNING:
            break
        time.sleep(0.1)
    assert state is BatchState.ENDED
    (result,) = provider.results(external_id)
    assert result.fingerprint == request.fingerprint
    assert isinstance(result.outcome, LLMResponse)
    assert result.outcome.text
    provider.discard(external_id)
    provider.close()
