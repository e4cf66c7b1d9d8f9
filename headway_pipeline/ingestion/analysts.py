"""Who reads which call: the model of the stage, of the workspace, of the installation; without any, the rules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from uuid import UUID

from headway_pipeline.analysis.contract import Analyst
from headway_pipeline.analysis.language_model import LanguageModelAnalyst
from headway_pipeline.analysis.language_model.prompts import version_of
from headway_pipeline.ingestion.asking import CallAsker, Desk
from headway_pipeline.ingestion.collecting import CollectingDesk
from headway_pipeline.ingestion.run import Effects
from headway_pipeline.llm.contract import LLMUsage, Stage
from headway_pipeline.llm.discovery import ModelChoice, choose_model, find_provider, read_choice
from headway_pipeline.llm.prices import price_usd
from headway_pipeline.model.errors import ConfigurationError, InputError, ModelRequestError, TransientModelError
from headway_pipeline.model.workspaces import Workspace
from headway_pipeline.settings import Settings
from headway_pipeline.store import Lease, Store

__all__ = ["OFFLINE", "LanguageModels", "ModelSettings", "language_models", "model_settings", "named_model"]

#: What stands for the rules where a model may be named.
OFFLINE = "offline"
STAGE_VARIABLES: Mapping[Stage, str] = {
    Stage.RELEVANCE: "HEADWAY_MODEL_RELEVANCE",
    Stage.EXTRACTION: "HEADWAY_MODEL_EXTRACTION",
    Stage.MATCHING: "HEADWAY_MODEL_MATCHING",
}


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The installation's models.

    Attributes:
        model: None for the rules.
        stage_models: where a stage has a model of its own; None for the rules.
    """

    model: ModelChoice | None = None
    stage_models: Mapping[Stage, ModelChoice | None] = field(default_factory=dict)

    def choice(self, stage: Stage, workspace: Workspace) -> ModelChoice | None:
        """Who reads at this stage in this workspace; None for the rules.

        Raises:
            ConfigurationError: the workspace names a model there is not.
        """
        own = workspace.reading.stage_models.get(stage.value) or workspace.reading.model
        if own is not None:
            return named_model(own, f"workspace {workspace.slug}")
        return self.stage_models.get(stage, self.model)


def model_settings(environment: Mapping[str, str]) -> ModelSettings:
    """What the environment says: HEADWAY_MODEL and its kin, else the default of a provider with a key, else none.

    Raises:
        ConfigurationError: a variable names a model there is not.
    """
    is_offline = environment.get("HEADWAY_MODEL", "").strip().lower() == OFFLINE
    stages = {
        stage: named_model(named, variable)
        for stage, variable in STAGE_VARIABLES.items()
        if (named := environment.get(variable, "").strip())
    }
    return ModelSettings(None if is_offline else choose_model(environment), stages)


def language_models(
    store: Store,
    owner: str,
    environment: Mapping[str, str],
    settings: Settings,
    *,
    effects: Effects,
    run_budget_usd: float | None = None,
    is_batch: bool = False,
) -> "LanguageModels":
    """The language models of one run.

    Args:
        owner: the run's id.
        environment: names the models, and holds keys and addresses.
        run_budget_usd: the most that the run may spend, or None.
        is_batch: new questions are handed in as batches, in place of being asked at once.

    Raises:
        ConfigurationError: a variable names a model there is not.
    """
    kind = CollectingDesk if is_batch else Desk
    desk = kind(
        store,
        owner,
        environment,
        effects=effects,
        run_budget_usd=run_budget_usd,
        monthly_budget_usd=settings.budget_usd,
    )
    return LanguageModels(store, desk, model_settings(environment))


def named_model(named: str, where: str) -> ModelChoice | None:
    """The model that `provider:model` means, None for "offline".

    Raises:
        ConfigurationError: there is no such; `where` says who named it.
    """
    if named.strip().lower() == OFFLINE:
        return None
    try:
        return read_choice(named)
    except InputError as error:
        raise ConfigurationError(f"{where} names the model {named!r}; {error.message}", error.remedy) from error


class LanguageModels:
    """The analysts of one run. Implements `run.Analysts`."""

    def __init__(self, store: Store, desk: Desk, settings: ModelSettings) -> None:
        self._store = store
        self._desk = desk
        self._settings = settings
        # A provider may ask its server; once a run is enough.
        self._context_tokens: Callable[[str, str], int | None] = cache(self._ask_context_tokens)

    @property
    def desk(self) -> Desk:
        """Where the run's answers come from."""
        return self._desk

    def price_usd(self, stage: Stage, workspace: Workspace, usage: LLMUsage, at: datetime) -> float | None:
        """What `usage` costs at the model that reads; 0 for the rules, None where nobody knows."""
        choice = self._settings.choice(stage, workspace)
        return 0.0 if choice is None else price_usd(find_provider(choice.provider), choice.model, usage, at=at)

    def read_by(self, stage: Stage, workspace: Workspace) -> tuple[str, str] | None:
        """Name and version of the model's analyst, without making one; None for the rules."""
        choice = self._settings.choice(stage, workspace)
        return None if choice is None else (str(choice), version_of(stage))

    def analyst(self, stage: Stage, workspace: Workspace, message_id: UUID) -> Analyst | None:
        """The analyst of one call at one stage; None for the rules.

        Raises:
            ConfigurationError: the model cannot be asked: its key is missing.
            ModelError: the provider knows no such model.
        """
        choice = self._settings.choice(stage, workspace)
        if choice is None:
            return None
        return LanguageModelAnalyst(
            asker=CallAsker(self._desk, workspace, message_id),
            provider=choice.provider,
            model=choice.model,
            key=workspace.id.bytes,
            names=self._store.messages.participant_names(workspace.id, message_id),
            is_redacting=workspace.reading.is_redacting,
            context_tokens=self._context_tokens(choice.provider, choice.model),
            stages=(stage,),
        )

    def close(self) -> None:
        """Give the providers' connections back."""
        self._desk.close()

    def release_others(self, lease: Lease) -> None:
        """See `run.Analysts`."""
        self._store.answers.release_others(lease)

    def hand_in(self) -> None:
        """See `run.Analysts`."""
        self._desk.hand_in()

    def _ask_context_tokens(self, provider: str, model: str) -> int | None:
        try:
            return self._desk.provider(provider).context_tokens(model)
        except (TransientModelError, ModelRequestError):
            # It will be told when a request is too long.
            return None
