"""theme_matched_features: each extracted feature under its theme, or in the inbox; the end of the chain."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from headway_pipeline.ingestion.completeness import Incomplete, incomplete_days
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.orchestration.metadata import attach_counts
from headway_pipeline.orchestration.plots import features_by_theme
from headway_pipeline.orchestration.stages import PartResult, carry_out, resource_keys

__all__ = ["theme_matched_features_asset"]

ALWAYS = ("refiled", "filed", "inbox", "quarantined")
INBOX = "(inbox)"


def theme_matched_features_asset(partitions: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The last asset of the chain; a key is materialized here only if its whole chain is complete."""

    @dg.asset(
        name="theme_matched_features",
        deps=["extracted_features"],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="analysis",
        kinds={"python", "table"},
        owners=["team:product-insights"],
        required_resource_keys=resource_keys(),
        description=(
            "Each extracted feature under the theme that fits it best, the two best with their scores, or in the "
            "inbox where none fits. A change of themes files again without reading a call again. Days that some "
            "source could not deliver fail here, so that `failed and missing` requests them again."
        ),
    )
    def theme_matched_features(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        results = carry_out(context, file_features)
        for result in results:
            attach_counts(context, result.report, result.keys.keys, ALWAYS)
            _attach_themes(context, result)
        missing = {result.workspace.slug: incomplete_days(result.run, result.part) for result in results}
        if any(missing.values()):
            yield from _complete_keys(results, missing)
            raise _failure(missing)
        yield dg.MaterializeResult()

    return theme_matched_features


def _attach_themes(context: dg.AssetExecutionContext, result: PartResult) -> None:
    days = list(result.keys.keys)
    for day, counts in result.run.store.filings.counts(result.workspace.id, days).items():
        by_theme = dict(counts.by_theme) | ({INBOX: counts.inbox} if counts.inbox else {})
        shown: dict[str, object] = {
            "features": sum(counts.by_theme.values()),
            "in the inbox": counts.inbox,
            "read them": dg.MetadataValue.md(
                f"`headway features --workspace-id {result.workspace.slug} --since {day} --until {day}`"
            ),
        }
        if by_theme:
            shown["by theme"] = features_by_theme(by_theme)
        context.add_asset_metadata(shown, partition_key=result.keys.keys[day])


def _complete_keys(
    results: list[PartResult], missing: dict[str, list[Incomplete]]
) -> Iterator[dg.AssetMaterialization]:
    """Only where some key fails are the others recorded one by one; else one result stands for all."""
    for result in results:
        bad: set[date] = {incomplete.day for incomplete in missing[result.workspace.slug]}
        for day, key in result.keys.keys.items():
            if day not in bad:
                yield dg.AssetMaterialization("theme_matched_features", partition=key)


def _failure(missing: dict[str, list[Incomplete]]) -> dg.Failure:
    reasons = dict.fromkeys(
        f"{slug}: {reason}"
        for slug, found in missing.items()
        for incomplete in found
        for reason in incomplete.reasons
    )
    keys = [f"{incomplete.day}|{slug}" for slug, found in missing.items() for incomplete in found]
    return dg.Failure(
        description=f"{len(keys)} of the days are not complete. " + " ".join(f"{reason}." for reason in reasons),
        metadata={"incomplete": dg.MetadataValue.json(keys), "why": dg.MetadataValue.json(list(reasons))},
        allow_retries=False,
    )
