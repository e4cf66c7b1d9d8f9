"""extracted_features: what customers asked for, reported and suffer from, in their own words."""

import dagster as dg

from headway_pipeline.ingestion.extraction import extract_features
from headway_pipeline.llm.contract import Stage
from headway_pipeline.model.features import FeatureType
from headway_pipeline.orchestration.descriptions import described
from headway_pipeline.orchestration.metadata import attach_counts, reader_of
from headway_pipeline.orchestration.stages import carry_out, resource_keys

__all__ = ["extracted_features_asset"]

ALWAYS = ("analysed", *(kind.value for kind in FeatureType), "grounded", "refused", "quarantined", "waiting")


def extracted_features_asset(partitions: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The fourth asset of the chain."""

    @dg.asset(
        name="extracted_features",
        deps=["relevance_scores"],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="analysis",
        kinds={"python", "table"},
        owners=["team:product-insights"],
        required_resource_keys=resource_keys(),
        tags={"asks": "analyst"},
        description=described(
            "Feature requests, bug reports and pain points of the relevant calls, with urgency and sentiment, "
            "theme-free. Each rests on a quote that code found in the transcript and the database checked: never "
            "a known vendor's words. A call is read once at a given text.",
            "the-assets",
        ),
    )
    def extracted_features(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        for result in carry_out(context, extract_features):
            onward = {"filed in": dg.MetadataValue.asset(dg.AssetKey("theme_matched_features"))}
            attach_counts(context, result, ALWAYS, everywhere=onward | reader_of(result, Stage.EXTRACTION))
        return dg.MaterializeResult()

    return extracted_features
