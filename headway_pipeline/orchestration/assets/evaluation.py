"""evaluation: how right the analyst is, measured over the labelled sets that HEADWAY_EVAL_DATA names."""

import os
from pathlib import Path
from typing import Any

import dagster as dg

from headway_pipeline.evaluation.labelled import EVAL_DATA, DataFolder
from headway_pipeline.evaluation.plots import figures_picture, png
from headway_pipeline.evaluation.report import figure_rows
from headway_pipeline.evaluation.run import Evaluation, evaluate
from headway_pipeline.orchestration.descriptions import described

__all__ = ["evaluation_asset"]


def evaluation_asset() -> dg.AssetsDefinition:
    """An asset of its own, outside the chain: no partitions, no store, run when somebody wants to know."""

    @dg.asset(
        name="evaluation",
        group_name="accuracy",
        kinds={"python"},
        owners=["team:product-insights"],
        required_resource_keys={"analyst"},
        description=described(
            "Precision, recall and F1 of the configured analyst with 95 % intervals, over the labelled sets in the "
            "folder that HEADWAY_EVAL_DATA names: types of feedback, relevance, themes, sentiment, reference "
            "extractions, quotes and sides. The same as `headway eval`; docs/accuracy.md explains the figures.",
            "the-assets",
        ),
    )
    def evaluation(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        folder = os.environ.get(EVAL_DATA)
        if not folder:
            raise dg.Failure(
                f"{EVAL_DATA} names no folder of labelled sets: set it where Dagster runs", allow_retries=False
            )
        done = evaluate(context.resources.analyst.analyst(), DataFolder(Path(folder)), progress=context.log.info)
        return dg.MaterializeResult(metadata=_metadata(done))

    return evaluation


def _metadata(done: Evaluation) -> dict[str, Any]:
    rows = list(figure_rows(done))
    asked = [row for row in rows if row["asked"] is not None and row["value"] is not None]
    picture = f"![Figures beside what is asked]({png(figures_picture([done]))})"
    return {
        "analyst": dg.MetadataValue.text(f"{done.analyst} {done.version}"),
        "met": dg.MetadataValue.text(f"{sum(row['value'] >= row['asked'] for row in asked)} of {len(asked)}"),
        "figures": dg.MetadataValue.md(picture if asked else "nothing was asked of any of the sets in the folder"),
        "asked for": dg.MetadataValue.md("\n".join(map(_line, asked))),
        "all figures": dg.MetadataValue.table([dg.TableRecord(_record(row)) for row in rows]),
        "CPU seconds": dg.MetadataValue.float(done.cpu_s),
        "run it": dg.MetadataValue.text("headway eval --data DIR --html report.html"),
    }


def _line(row: dict[str, Any]) -> str:
    # The page is narrow: the value comes first, so that it is never cut off.
    mark = "" if row["value"] >= row["asked"] else " (short)"
    return f"* **{row['value']:.3f}** of {row['asked']:.2f}{mark}: {row['figure']}, {row['data'].replace('_', ' ')}"


def _record(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("value", "low", "high", "asked", "cases", "figure", "data")
    return {name: "" if row[name] is None else row[name] for name in kept}
