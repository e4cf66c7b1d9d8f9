"""relevance_scores: is a call about any of the workspace's themes?"""

import dagster as dg

from headway_pipeline.ingestion.relevance import score_relevance
from headway_pipeline.llm.contract import Stage
from headway_pipeline.orchestration.assets.set_up import WORKSPACE_THEMES
from headway_pipeline.orchestration.metadata import attach_counts, reader_of
from headway_pipeline.orchestration.plots import confidence_histogram
from headway_pipeline.orchestration.stages import carry_out, resource_keys

__all__ = ["relevance_scores_asset"]

ALWAYS = ("relevant", "not_relevant", "waiting", "quarantined")


def relevance_scores_asset(partitions: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The third asset of the chain."""

    @dg.asset(
        name="relevance_scores",
        deps=["transcripts", WORKSPACE_THEMES],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="analysis",
        kinds={"python", "table"},
        owners=["team:product-insights"],
        required_resource_keys=resource_keys(),
        description=(
            "Whether each transcribed call bears on any of the workspace's themes, and how surely; in doubt it "
            "does. After a change of themes only calls that were not relevant are judged again. A workspace "
            "without themes keeps its calls waiting."
        ),
    )
    def relevance_scores(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        for result in carry_out(context, score_relevance):
            attach_counts(context, result, ALWAYS, everywhere=reader_of(result, Stage.RELEVANCE))
            for day, confidences in result.report.confidences.items():
                context.add_asset_metadata(
                    {"confidence": confidence_histogram(confidences)}, partition_key=result.keys.keys[day]
                )
        return dg.MaterializeResult()

    return relevance_scores
