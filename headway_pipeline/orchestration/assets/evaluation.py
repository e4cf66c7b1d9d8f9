"""evaluation: how right the analyst is, measured over the labelled sets that HEADWAY_EVAL_DATA names."""

import os
from pathlib import Path

import dagster as dg

from headway_pipeline.evaluation.labelled import EVAL_DATA, DataFolder
from headway_pipeline.evaluation.plots import figures_picture, png
from headway_pipeline.evaluation.report import figure_rows
from headway_pipeline.evaluation.run import Evaluation, evaluate

__all__ = ["evaluation_asset"]


def evaluation_asset() -> dg.AssetsDefinition:
    """An asset of its own, outside the chain: no partitions, no store, run when somebody wants to know."""

    @dg.asset(
        name="evaluation",
        group_name="accuracy",
        kinds={"python"},
        owners=["team:product-insights"],
        required_resource_keys={"analyst"},
        description=(
            "Precision, recall and F1 of the configured analyst with 95 % intervals, over the labelled sets in the "
            "folder that HEADWAY_EVAL_DATA names: types of feedback, relevance, themes, sentiment, reference "
            "extractions, quotes and sides. The same as `headway eval`; docs/accuracy.md explains the figures."
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


def _metadata(done: Evaluation) -> dict[str, dg.MetadataValue]:
    rows = list(figure_rows(done))
    asked = [row for row in rows if row["asked"] is not None and row["value"] is not None]
    picture = f"![Figures beside what is asked]({png(figures_picture([done]))})"
    return {
        "analyst": dg.MetadataValue.text(f"{done.analyst} {done.version}"),
        "met": dg.MetadataValue.text(f"{sum(row['value'] >= row['asked'] for row in asked)} of {len(asked)}"),
        "figures": dg.MetadataValue.md(picture if asked else "nothing was asked of any of the sets in the folder"),
        "asked for": dg.MetadataValue.md(_table(asked)),
        "all figures": dg.MetadataValue.md(_table(rows)),
        "CPU seconds": dg.MetadataValue.float(done.cpu_s),
        "run it": dg.MetadataValue.text("headway eval --data DIR --html report.html"),
    }


def _table(rows: list[dict[str, object]]) -> str:
    head = "| set | figure | value | 95 % | asked |\n|---|---|---:|---:|---:|\n"
    return head + "\n".join(
        f"| {row['data']} | {row['figure']} | {_shown(row['value'])} | {_shown(row['low'])} to {_shown(row['high'])} "
        f"| {_shown(row['asked'])} |"
        for row in rows
    )


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else ""
