"""The five assets of the chain, one file each, in flow order; and `evaluation`, which stands apart.

Concept: https://docs.dagster.io/guides/build/assets/defining-assets
An asset body reads, calls one stage of `ingestion/`, and shows counts. It accepts any rectangle of keys.
"""

from collections.abc import Sequence

import dagster as dg

from headway_pipeline.orchestration.assets.evaluation import evaluation_asset
from headway_pipeline.orchestration.assets.extracted_features import extracted_features_asset
from headway_pipeline.orchestration.assets.raw_calls import raw_calls_asset
from headway_pipeline.orchestration.assets.relevance_scores import relevance_scores_asset
from headway_pipeline.orchestration.assets.set_up import set_up_assets
from headway_pipeline.orchestration.assets.theme_matched_features import theme_matched_features_asset
from headway_pipeline.orchestration.assets.transcripts import transcripts_asset

__all__ = ["CHAIN", "build_assets", "evaluation_asset", "set_up_assets"]

#: Names of the assets that carry a call from its listing to its theme, in flow order.
CHAIN = ("raw_calls", "transcripts", "relevance_scores", "extracted_features", "theme_matched_features")


def build_assets(partitions: dg.MultiPartitionsDefinition) -> Sequence[dg.AssetsDefinition]:
    """The chain, all on the same partitions and with the same backfill policy, so that one run holds it."""
    return [
        raw_calls_asset(partitions),
        transcripts_asset(partitions),
        relevance_scores_asset(partitions),
        extracted_features_asset(partitions),
        theme_matched_features_asset(partitions),
    ]
