"""Asset checks: unpartitioned, over the keys of the run, with the bad ones in their metadata.

Executed on their own (the button in the UI), they look at everything.
Concept: https://docs.dagster.io/guides/test/asset-checks
Partitioned checks store their result without a partition in range runs, so none is used here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import dagster as dg

from headway_pipeline.ingestion.completeness import listing_troubles
from headway_pipeline.ingestion.run import Part, Run
from headway_pipeline.ingestion.sweep import losses
from headway_pipeline.orchestration.failures import translated
from headway_pipeline.orchestration.partitions import workspace_days
from headway_pipeline.orchestration.stages import resource_keys, run_of

__all__ = ["build_checks"]

#: How many bad things a check lists; it always counts them all.
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Scoped:
    """One workspace a check looks at; `days` is None for all of them."""

    run: Run
    part: Part
    days: list[date] | None


Finding = Callable[[Scoped], list[str]]


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """A check: which asset it judges, in what words, and how it finds what is wrong."""

    name: str
    asset: str
    description: str
    find: Finding
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR


def _sources_complete(scoped: Scoped) -> list[str]:
    return listing_troubles(scoped.run, scoped.part, scoped.days)


def _ledger_balances(scoped: Scoped) -> list[str]:
    audit, workspace = scoped.run.store.audit, scoped.part.workspace
    return [
        *(str(found) for found in audit.unbalanced_listings(workspace.id, scoped.days)),
        *(str(found) for found in audit.unexplained_messages(workspace.id, scoped.days)),
    ]


def _no_sudden_loss(scoped: Scoped) -> list[str]:
    slug = scoped.part.workspace.slug
    return [
        f"connector {connector} no longer lists {number} calls it knew, too many at once to be believed, and nothing "
        "was deleted: see whether its key lost permissions or its owner left; if the calls are really gone, "
        f"`headway missing --workspace-id {slug} --connector {connector} --confirm` deletes them"
        for connector, number in losses(scoped.run.store, scoped.part.workspace.id, scoped.days).items()
    ]


def _quotes_are_verbatim(scoped: Scoped) -> list[str]:
    audit, workspace = scoped.run.store.audit, scoped.part.workspace
    return [
        *(
            f"evidence {found} is not in its transcript"
            for found in audit.unverbatim_quotes(workspace.id, scoped.days)
        ),
        *(f"evidence {found} is a vendor's" for found in audit.vendor_evidence(workspace.id, scoped.days)),
    ]


def _every_feature_has_a_theme(scoped: Scoped) -> list[str]:
    audit, workspace = scoped.run.store.audit, scoped.part.workspace
    return [f"feature {found} has no living theme" for found in audit.unfiled_features(workspace.id, scoped.days)]


PLANS = (
    CheckPlan(
        "sources_complete",
        "raw_calls",
        "Every active connector listed every day of the run to its last page.",
        _sources_complete,
    ),
    CheckPlan(
        "ledger_balances",
        "raw_calls",
        "What the sources listed is in the ledger, call for call, and every state that needs a reason has one.",
        _ledger_balances,
    ),
    CheckPlan(
        "no_sudden_loss",
        "raw_calls",
        "No connector lost sight of so many of its calls at once that they can hardly all be deleted.",
        _no_sudden_loss,
        dg.AssetCheckSeverity.WARN,
    ),
    CheckPlan(
        "quotes_are_verbatim",
        "extracted_features",
        "Every stored quote is the named slice of its transcript, and none is a known vendor's.",
        _quotes_are_verbatim,
    ),
    CheckPlan(
        "every_feature_has_a_theme",
        "theme_matched_features",
        "Every feature is filed under a theme of its own workspace that is not archived.",
        _every_feature_has_a_theme,
    ),
)


def build_checks() -> list[dg.AssetChecksDefinition]:
    """Every check of the chain."""
    return [_check(plan) for plan in PLANS]


def _check(plan: CheckPlan) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=plan.asset,
        name=plan.name,
        description=plan.description,
        required_resource_keys=resource_keys(),
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        with translated(context.retry_number):
            found = [
                f"{scoped.part.workspace.slug}: {words}" for scoped in _scope(context) for words in plan.find(scoped)
            ]
        return dg.AssetCheckResult(
            passed=not found,
            severity=plan.severity,
            description=_sentence(found),
            metadata={"found": len(found), "what": dg.MetadataValue.json(found[:MOST_SHOWN])},
        )

    return check


def _sentence(found: list[str]) -> str:
    if not found:
        return "Nothing to mend."
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{found[0]}{more}"


def _scope(context: dg.AssetCheckExecutionContext) -> Iterator[Scoped]:
    run = run_of(context.resources)
    if context.has_partition_key or context.has_partition_key_range:
        for keys in workspace_days(context.partition_keys):
            workspace = run.store.workspaces.find(keys.slug)
            yield Scoped(run, Part(workspace, list(keys.keys)), list(keys.keys))
        return
    for workspace in run.store.workspaces.list():
        yield Scoped(run, Part(workspace, []), None)
