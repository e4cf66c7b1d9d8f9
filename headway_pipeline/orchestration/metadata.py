"""What a materialization shows: counts, plots and links, never speech, titles of calls or people's names.

Dagster's event log has no login, no retention and no erasure.
Concept: https://docs.dagster.io/guides/build/assets/metadata-and-tags
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import dagster as dg

from headway_pipeline.ingestion.estimates import estimate_reading
from headway_pipeline.ingestion.run import StageReport, Trouble
from headway_pipeline.llm.contract import Stage
from headway_pipeline.model.usage import Usage
from headway_pipeline.model.workspaces import Connector, Workspace
from headway_pipeline.orchestration.plots import cost_by_week, features_by_week, ledger_by_state, ranked
from headway_pipeline.orchestration.stages import PartResult
from headway_pipeline.settings import current_settings
from headway_pipeline.store import FeatureCounts, Store

__all__ = [
    "BY_SOURCE",
    "MODEL",
    "TROUBLES",
    "attach_counts",
    "attach_health",
    "attach_themes",
    "counts_on",
    "estimates_of",
    "listing_address",
    "listing_command",
    "reader_of",
    "trends_of",
    "troubles_value",
]

#: Names of the entries the command line reads back.
BY_SOURCE = "by source"
MODEL = "model"
TROUBLES = "troubles"
CONNECTORS = "connectors"
INBOX = "(inbox)"
#: How many weeks the pictures go back, and how many themes the table names.
WEEKS, MOST_THEMES = 12, 50


def counts_on(report: StageReport, day: date, always: Sequence[str]) -> dict[str, Any]:
    """One day's counts over all sources, and by source; the words of `always` appear even when 0."""
    by_source = report.on(day)
    totals: Counter[str] = Counter(dict.fromkeys(always, 0))
    for counts in by_source.values():
        totals.update(counts)
    shown: dict[str, Any] = {what.replace("_", " "): number for what, number in totals.items()}
    if by_source:
        shown[BY_SOURCE] = dg.MetadataValue.json({source: dict(counts) for source, counts in by_source.items()})
    usage = report.usage.get(day, Usage())
    if usage != Usage():
        shown[MODEL] = dg.MetadataValue.json(asdict(usage))
    return shown


def troubles_value(troubles: Sequence[Trouble]) -> dg.TableMetadataValue:
    """Connectors that failed, as a table."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "workspace": trouble.workspace,
                    "connector": trouble.connector,
                    "source": trouble.source,
                    "health": trouble.code,
                    "what happened": trouble.words,
                    "resumes": trouble.resume_at.isoformat() if trouble.resume_at else "",
                }
            )
            for trouble in troubles
        ]
    )


def health_value(connectors: Sequence[Connector]) -> dg.TableMetadataValue:
    """How a workspace's connectors are after the stage, and when a paused one goes on."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "connector": connector.name,
                    "source": connector.connector_type,
                    "health": connector.health_words,
                    "resumes": connector.resume_at.isoformat() if connector.resume_at else "",
                    "records": connector.drift.records,
                    "bad records": connector.drift.bad_records,
                    "unknown fields": len(connector.drift.unknown_fields),
                }
            )
            for connector in connectors
        ]
    )


def attach_health(context: dg.AssetExecutionContext, result: PartResult) -> None:
    """Give each key the health of the workspace's connectors."""
    connectors = result.run.store.connectors.list(result.workspace.id, connector_type=result.run.connector_type)
    if connectors:
        for key in result.keys.keys.values():
            context.add_asset_metadata({CONNECTORS: health_value(connectors)}, partition_key=key)


def attach_counts(
    context: dg.AssetExecutionContext,
    result: PartResult,
    always: Sequence[str],
    also: Callable[[date], Mapping[str, Any]] = lambda _day: {},
    *,
    everywhere: Mapping[str, Any] = MappingProxyType({}),
    on_days: Mapping[date, Mapping[str, Any]] = MappingProxyType({}),
) -> None:
    """Give each key its own counts, and the stage's troubles where there were any.

    Args:
        also: makes further entries of a key.
        everywhere: entries of every key.
        on_days: entries of the keys of single days.
    """
    for day, key in result.keys.keys.items():
        shown = counts_on(result.report, day, always) | dict(also(day))
        shown |= {**everywhere, **on_days.get(day, {})}
        if result.report.troubles:
            shown[TROUBLES] = troubles_value(result.report.troubles)
        context.add_asset_metadata(shown, partition_key=key)


def reader_of(result: PartResult, stage: Stage) -> dict[str, str]:
    """Who reads the calls of this workspace at a stage."""
    name, version = result.run.read_by(stage, result.workspace)
    return {"read by": f"{name}, version {version}"}


def estimates_of(result: PartResult) -> Mapping[date, dict[str, Any]]:
    """By day, the tokens and the price of what awaits reading, before anything of it is spent."""
    return {
        day: {"estimate": dg.MetadataValue.json(asdict(estimate))}
        for day, estimate in estimate_reading(result.run, result.part).items()
    }


def listing_command(listing: str, slug: str, day: date) -> dg.MarkdownMetadataValue:
    """The command that lists what a count stands for; the words themselves stay in the database."""
    return dg.MetadataValue.md(f"`headway {listing} --workspace-id {slug} --since {day} --until {day}`")


def listing_address(listing: str, workspace: Workspace, day: date) -> dict[str, dg.UrlMetadataValue]:
    """Where the API serves the same; nothing, where HEADWAY_PUBLIC_URL does not say how people reach it."""
    public_url = current_settings().public_url
    if public_url is None:
        return {}
    address = f"{public_url}/api/v1/workspaces/{workspace.id}/{listing}?since={day}&until={day}"
    return {f"{listing} in the API": dg.MetadataValue.url(address)}


def attach_themes(shown: dict[str, Any], workspace: Workspace, day: date, counts: FeatureCounts) -> None:
    """How the day stands: its features by theme, and how to read them."""
    by_theme = dict(counts.by_theme) | ({INBOX: counts.inbox} if counts.inbox else {})
    shown["features"] = sum(counts.by_theme.values())
    shown["in the inbox"] = counts.inbox
    shown["read them"] = listing_command("features", workspace.slug, day)
    shown |= listing_address("features", workspace, day)
    shown["read from"] = dg.MetadataValue.asset(dg.AssetKey("extracted_features"))
    if by_theme:
        shown["by theme"] = dg.MetadataValue.json(by_theme)


def trends_of(store: Store, workspace: Workspace, until: date) -> dict[str, Any]:
    """How the workspace stands, with the twelve weeks up to a day, as pictures; what holds nothing is left out.

    A picture is 5 to 12 kB in the event log, so a run has them once a workspace and not once a day.
    """
    monday = until - timedelta(days=until.weekday())
    weeks = [monday - timedelta(weeks=back) for back in reversed(range(WEEKS))]
    features, cost = store.trends.features(workspace.id, weeks), store.trends.cost(workspace.id, weeks)
    ledger = store.messages.counts(workspace.id)
    shown: dict[str, Any] = {}
    if features:
        shown["features by week"] = features_by_week(weeks, features)
        shown["themes of these weeks"] = _themes_table(ranked(features))
    if ledger:
        shown["calls by state"] = ledger_by_state(ledger)
    if cost.answers:
        shown["cost by week"] = cost_by_week(weeks, cost.usd)
        shown["answers of unknown price"] = cost.unpriced
    return shown


def _themes_table(themes: Sequence[tuple[str, int]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"place": place, "theme": theme, "features": number})
            for place, (theme, number) in enumerate(themes[:MOST_THEMES], start=1)
        ],
        schema=dg.TableSchema(
            [dg.TableColumn("place", "int"), dg.TableColumn("theme", "string"), dg.TableColumn("features", "int")]
        ),
    )
