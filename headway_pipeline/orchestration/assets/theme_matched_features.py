"""theme_matched_features: each extracted feature under its theme, or in the inbox; the end of the chain."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from headway_pipeline.ingestion.completeness import Incomplete, incomplete_days
from headway_pipeline.ingestion.filing import file_features
from headway_pipeline.llm.contract import Stage
from headway_pipeline.orchestration.assets.set_up import WORKSPACE_THEMES
from headway_pipeline.orchestration.metadata import attach_themes, counts_on, reader_of
from headway_pipeline.orchestration.partitions import partition_key
from headway_pipeline.orchestration.stages import PartResult, carry_out, resource_keys
from headway_pipeline.store import FeatureCounts

__all__ = ["theme_matched_features_asset"]

ALWAYS = ("refiled", "waiting", "quarantined")


def theme_matched_features_asset(partitions: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The last asset of the chain; a key is materialized here only if its whole chain is complete."""

    @dg.asset(
        name="theme_matched_features",
        deps=["extracted_features", WORKSPACE_THEMES],
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
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult[None]]:
        results = carry_out(context, file_features)
        shown = {key: metadata for result in results for key, metadata in _metadata(result).items()}
        missing = {result.workspace.slug: incomplete_days(result.run, result.part) for result in results}
        failed = {partition_key(slug, found.day) for slug, days in missing.items() for found in days}
        if failed:
            # One by one, for a failing step records nothing else; the rest of the keys count as failed.
            for key in sorted(set(shown) - failed):
                yield dg.AssetMaterialization("theme_matched_features", partition=key, metadata=shown[key])
            raise _failure(missing)
        for key, metadata in shown.items():
            context.add_asset_metadata(metadata, partition_key=key)
        yield dg.MaterializeResult()

    return theme_matched_features


def _metadata(result: PartResult) -> dict[str, dict[str, Any]]:
    """What each key shows: what this run filed, and how the day stands."""
    standing = result.run.store.filings.counts(result.workspace.id, list(result.keys.keys))
    shown = {}
    for day, key in result.keys.keys.items():
        shown[key] = counts_on(result.report, day, ALWAYS) | reader_of(result, Stage.MATCHING)
        attach_themes(shown[key], result.workspace.slug, day, standing.get(day, FeatureCounts()))
    return shown


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
