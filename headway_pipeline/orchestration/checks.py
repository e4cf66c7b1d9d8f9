"""Asset checks: unpartitioned, over the keys of the run, with the bad ones in their metadata.

Executed on their own (the button in the UI), they look at everything. A blocking check that fails keeps the assets
behind it from being made in that run; docs/decisions/0023 says which block, and what becomes of the keys.
Concept: https://docs.dagster.io/guides/test/asset-checks
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from headway_pipeline.ingestion.completeness import listing_troubles
from headway_pipeline.ingestion.sweep import losses
from headway_pipeline.orchestration.connector_health import build_connector_check
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.failures import WHAT_TO_DO, translated
from headway_pipeline.orchestration.stages import resource_keys
from headway_pipeline.orchestration.verdicts import Finder, Scoped, scope_of, verdict
from headway_pipeline.orchestration.workspace_lag import build_lag_check
from headway_pipeline.store import Flaw

__all__ = ["build_checks"]


def _nothing_more(_scopes: Sequence[Scoped]) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """A check: which asset it judges, in what words, and how it finds what is wrong.

    Attributes:
        is_blocking: what it judges would be carried on by the assets behind, so they are not made while it fails.
        also: makes further entries of the result.
    """

    name: str
    asset: str
    description: str
    find: Finder
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    is_blocking: bool = False
    also: Callable[[Sequence[Scoped]], Mapping[str, Any]] = _nothing_more

    @property
    def key(self) -> dg.AssetCheckKey:
        """Under which Dagster knows it."""
        return dg.AssetCheckKey(dg.AssetKey(self.asset), self.name)


def _sources_complete(scoped: Scoped) -> list[Flaw]:
    return listing_troubles(scoped.run, scoped.part, scoped.days)


def _ledger_balances(scoped: Scoped) -> list[Flaw]:
    audit, workspace = scoped.run.store.audit, scoped.part.workspace
    return [
        *audit.unbalanced_listings(workspace.id, scoped.days),
        *audit.unexplained_messages(workspace.id, scoped.days),
    ]


def _no_sudden_loss(scoped: Scoped) -> list[str]:
    return [
        f"connector {connector} no longer lists {number} calls it knew, too many at once to be believed, and nothing "
        "was deleted: see whether its key lost permissions or its owner left; if the calls are really gone, "
        f"`headway missing --workspace-id {scoped.slug} --connector {connector} --confirm` deletes them"
        for connector, number in losses(scoped.run.store, scoped.part.workspace.id, scoped.days).items()
    ]


def _no_duplicate_segments(scoped: Scoped) -> list[Flaw]:
    return scoped.run.store.audit.repeated_segments(scoped.part.workspace.id, scoped.days)


def _quotes_are_verbatim(scoped: Scoped) -> Sequence[Flaw]:
    return scoped.evidence.unverbatim


def _evidence_sides(scoped: Scoped) -> Sequence[Flaw]:
    return scoped.evidence.of_vendors


def _sides(scopes: Sequence[Scoped]) -> dict[str, Any]:
    sides: Counter[str] = Counter(customer=0, unknown=0, vendor=0)
    for scoped in scopes:
        sides.update(scoped.evidence.sides)
    number = sides.total()
    return {**sides, "share of unknown": dg.MetadataValue.float(round(sides["unknown"] / max(number, 1), 3))}


def _every_feature_has_a_theme(scoped: Scoped) -> list[Flaw]:
    return scoped.run.store.audit.unfiled_features(scoped.part.workspace.id, scoped.days)


#: By the step that carries them out; those of one step share one reading of the transcripts.
STEPS: Mapping[str, Sequence[CheckPlan]] = {
    "sources_complete": [
        CheckPlan(
            "sources_complete",
            "raw_calls",
            "Every active connector listed every day of the run to its last page.",
            _sources_complete,
        )
    ],
    "ledger_balances": [
        CheckPlan(
            "ledger_balances",
            "raw_calls",
            "What the sources listed is in the ledger, call for call, and every state that needs a reason has one.",
            _ledger_balances,
        )
    ],
    "no_sudden_loss": [
        CheckPlan(
            "no_sudden_loss",
            "raw_calls",
            "No connector lost sight of so many of its calls at once that they can hardly all be deleted.",
            _no_sudden_loss,
            dg.AssetCheckSeverity.WARN,
        )
    ],
    "no_duplicate_segments": [
        CheckPlan(
            "no_duplicate_segments",
            "transcripts",
            "No transcript holds a turn twice, and its segments count up from 0, as evidence names them. While it "
            "fails nothing of the run is read.",
            _no_duplicate_segments,
            is_blocking=True,
        )
    ],
    "evidence": [
        CheckPlan(
            "quotes_are_verbatim",
            "extracted_features",
            "Every stored quote is the named slice of its transcript, recomputed apart from the database's trigger. "
            "While it fails nothing of the run is filed.",
            _quotes_are_verbatim,
            is_blocking=True,
        ),
        CheckPlan(
            "evidence_sides",
            "extracted_features",
            "No evidence is a known vendor's words; shows how much of it nobody knows the side of. While it fails "
            "nothing of the run is filed.",
            _evidence_sides,
            is_blocking=True,
            also=_sides,
        ),
    ],
    "every_feature_has_a_theme": [
        CheckPlan(
            "every_feature_has_a_theme",
            "theme_matched_features",
            "Every feature is filed under a theme of its own workspace that is not archived.",
            _every_feature_has_a_theme,
        )
    ],
}


def build_checks() -> list[dg.AssetChecksDefinition]:
    """Every check of the chain."""
    return [
        *(_step(name, plans) for name, plans in STEPS.items()),
        build_connector_check(),
        build_lag_check(),
    ]


def _step(name: str, plans: Sequence[CheckPlan]) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(
            plan.name,
            asset=plan.asset,
            description=described(plan.description, "checks"),
            blocking=plan.is_blocking,
        )
        for plan in plans
    ]

    @dg.multi_asset_check(
        name=f"{plans[0].asset}_{name}",
        specs=specs,
        can_subset=len(plans) > 1,
        required_resource_keys=resource_keys(),
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        blocked = []
        with translated(context.retry_number):
            scopes = scope_of(context)
            for plan in plans:
                if plan.key not in context.selected_asset_check_keys:
                    continue
                result = verdict(context, plan.key, scopes, plan.find, severity=plan.severity, also=plan.also(scopes))
                yield result
                if plan.is_blocking and not result.passed and result.severity == dg.AssetCheckSeverity.ERROR:
                    blocked.append(f"{plan.name}: {result.description}.")
        if blocked:
            raise _stop(plans[0].asset, blocked)

    return check


def _stop(asset: str, blocked: Sequence[str]) -> dg.Failure:
    """In our words before Dagster says it in its own, which name no cause."""
    return dg.Failure(
        description=f"{' '.join(blocked)} Nothing behind {asset} was made in this run; calls stay where they are.",
        metadata={WHAT_TO_DO: 'see the check\'s `bad keys`, mend what it found, then run "failed and missing"'},
        allow_retries=False,
    )
