"""Dagster, asked over its webserver's GraphQL (https://docs.dagster.io/api/graphql).

The API starts no run of its own: a run belongs to Dagster's queue, with its limits, and outlives the API.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headway_pipeline.api.launching import RunState
from headway_pipeline.api.rates import Places
from headway_pipeline.store.ingest_requests import IngestRequestRow
from headway_pipeline.store.workspaces import is_slug

if TYPE_CHECKING:
    import requests

__all__ = ["DagsterWebserver"]

#: To connect, and to answer. A webserver without a queue starts the run's process before it answers.
TIMEOUT_S = (2.0, 15.0)
LAUNCH_TIMEOUT_S = (2.0, 60.0)
#: Questions that may wait for it at once. A few more than any use needs, and far fewer than the API has threads: a
#: webserver that hangs must not take the reads of everybody with it.
MOST_WAITING = 8

logger = logging.getLogger("headway_pipeline.api")

FIND_JOB = """
query { repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } jobs { name } } } } }
"""
ADD_PARTITION = """
mutation ($repository: RepositorySelector!, $name: String!, $key: String!) {
  addDynamicPartition(repositorySelector: $repository, partitionsDefName: $name, partitionKey: $key) { __typename }
}
"""
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } }
}
"""
STATES_OF_RUNS = """
query ($runs: [String!]!) {
  runsOrError(filter: { runIds: $runs }) { ... on Runs { results { runId status } } }
}
"""

STATES: Mapping[str, RunState] = {
    "NOT_STARTED": RunState.QUEUED,
    "QUEUED": RunState.QUEUED,
    "STARTING": RunState.RUNNING,
    "MANAGED": RunState.RUNNING,
    "STARTED": RunState.RUNNING,
    "CANCELING": RunState.RUNNING,
    "SUCCESS": RunState.SUCCEEDED,
    "FAILURE": RunState.FAILED,
    "CANCELED": RunState.CANCELLED,
}


class _NoAnswerError(Exception):
    """Dagster is not there, or not as it must be; its words are for the log."""


class DagsterWebserver:
    """A `Launcher` over a running webserver.

    Args:
        session: what requests go through; one of its own each time when left out.
    """

    def __init__(self, url: str, *, session: "requests.Session | None" = None) -> None:
        self._url = url
        self._session = session
        self._places = Places(MOST_WAITING)

    def launch(self, request: IngestRequestRow) -> str | None:
        """As `Launcher.launch`."""
        if not is_slug(request.slug):
            # The sensor that takes it up says what is to be done.
            logger.warning("no run for request %s yet: the workspace's slug is no partition key", request.id)
            return None
        try:
            nodes = self._ask(FIND_JOB)["repositoriesOrError"]["nodes"]
            # Dagster's own code costs seconds to import; they are paid once, and where there is a Dagster to ask.
            from headway_pipeline.orchestration.jobs import INGEST_JOB
            from headway_pipeline.orchestration.requested import partition_of, run_config, run_tags

            repository = _repository_of(nodes, INGEST_JOB)
            definition, key = partition_of(request)
            self._ask(ADD_PARTITION, repository=repository, name=definition, key=key)
            tags = [{"key": name, "value": value} for name, value in run_tags(request).items()]
            params = {
                "selector": {**repository, "jobName": INGEST_JOB},
                "runConfigData": run_config(request),
                "executionMetadata": {"tags": tags},
            }
            return _run_id(self._ask(LAUNCH, timeout_s=LAUNCH_TIMEOUT_S, params=params)["launchRun"])
        except (_NoAnswerError, KeyError, TypeError) as error:
            logger.warning("no run for request %s yet: Dagster at %s: %s", request.id, self._url, error)
            return None

    def states(self, run_ids: Collection[str]) -> Mapping[str, RunState]:
        """As `Launcher.states`."""
        if not run_ids:
            return {}
        try:
            runs = self._ask(STATES_OF_RUNS, runs=sorted(run_ids))["runsOrError"]["results"]
            return {run["runId"]: STATES[run["status"]] for run in runs if run["status"] in STATES}
        except (_NoAnswerError, KeyError, TypeError) as error:
            logger.warning("the state of runs is not known: Dagster at %s: %s", self._url, error)
            return {}

    def _ask(self, query: str, *, timeout_s: tuple[float, float] = TIMEOUT_S, **variables: Any) -> dict[str, Any]:
        with self._places.one(lambda: _NoAnswerError(f"{MOST_WAITING} questions wait for it already")):
            answer = self._post({"query": query, "variables": variables}, timeout_s)
        if not isinstance(answer, dict) or answer.get("errors"):
            raise _NoAnswerError("it answered with errors")
        data: dict[str, Any] = answer["data"]
        return data

    def _post(self, question: Mapping[str, Any], timeout_s: tuple[float, float]) -> object:
        import requests

        session = self._session or requests.Session()
        # A proxy of the environment has no way to this machine's loopback, and a password in .netrc is not for us.
        session.trust_env = False
        try:
            response = session.post(f"{self._url}/graphql", json=question, timeout=timeout_s, allow_redirects=False)
            response.raise_for_status()
            answer: object = response.json()
        except (requests.RequestException, ValueError) as error:
            raise _NoAnswerError(type(error).__name__) from error
        finally:
            if self._session is None:
                session.close()
        return answer


def _repository_of(nodes: Sequence[Mapping[str, Any]], job: str) -> dict[str, str]:
    """Where a job is among the code that Dagster has loaded."""
    for node in nodes:
        if any(found["name"] == job for found in node["jobs"]):
            return {"repositoryName": node["name"], "repositoryLocationName": node["location"]["name"]}
    raise _NoAnswerError(f"it has no job {job}")


def _run_id(answer: Mapping[str, Any]) -> str:
    if answer["__typename"] != "LaunchRunSuccess":
        raise _NoAnswerError(f"it refused the run ({answer['__typename']})")
    return str(answer["run"]["runId"])
