"""The Dagster pages, as a person uses them: the graph, a backfill over dates, its results, and a failed source.

The tests build on one another in their order: the backfill's results are what the later ones look at.
"""

import re
from datetime import timedelta

import requests
from playwright.sync_api import Page, expect

from headway_pipeline.model.filters import CallFilter, FeatureFilter
from headway_pipeline.store.tables import evidence
from headway_pipeline_tests.browser.conftest import SECOND, Stack
from headway_pipeline_tests.worlds import ASK, TODAY

CHAIN = ["raw_calls", "transcripts", "relevance_scores", "extracted_features", "theme_matched_features"]


def day(days_ago: int) -> str:
    return (TODAY - timedelta(days=days_ago)).date().isoformat()


def launch_backfill(page: Page, stack: Stack, first: str, last: str, *, workspace: str | None) -> str:
    """Through the dialog, as a person does; returns the id of the backfill before it."""
    before, _ = stack.newest_backfill()
    page.goto(f"{stack.url}/asset-groups")
    page.get_by_text(re.compile("^Materialize all")).first.click()
    dates = page.locator("input[placeholder^='ex: ']").first
    dates.fill(f"[{first}...{last}]")
    dates.press("Enter")
    if workspace is None:
        page.get_by_role("button", name="All", exact=True).last.click()
    else:
        page.get_by_text("Select a partition").click()
        page.get_by_text(workspace, exact=True).last.click()
        page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Launch")).click()
    return before


def change_quote(stack: Stack, words: str) -> str:
    """Change the first workspace's quote of two days ago behind the trigger's back; returns what it was."""
    store, workspace = stack.installation.store, stack.installation.workspace
    then = (TODAY - timedelta(days=2)).date()
    (found,) = store.reading.features(workspace.id, FeatureFilter(call=CallFilter(since=then, until=then)))
    with store.database.writing() as connection:
        triggers = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
        for name, _ in triggers:
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        changed = evidence.update().where(evidence.c.extracted_feature_id == found.id)
        connection.execute(changed.values(quote=words))
        for _, sql in triggers:
            connection.exec_driver_sql(sql)
    return found.evidence[0].quote


def test_the_graph_shows_the_chain_with_its_groups_and_descriptions(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.url}/asset-groups")
    expect(page.get_by_text("ingestion", exact=True).first).to_be_visible()
    expect(page.get_by_text("analysis", exact=True).first).to_be_visible()
    for name in CHAIN:
        page.goto(f"{stack.url}/assets/{name}?view=overview")
        expect(page.get_by_text("product-insights").first).to_be_visible()
        expect(page.get_by_text("Description").first).to_be_visible()


def test_a_backfill_of_seven_days_over_two_workspaces_succeeds_and_files_features(page: Page, stack: Stack) -> None:
    before = launch_backfill(page, stack, day(7), day(1), workspace=None)
    assert stack.wait_for_backfill(before) == "COMPLETED_SUCCESS"
    store = stack.installation.store
    for workspace in (stack.installation.workspace, stack.second):
        assert len(store.reading.features(workspace.id)) + len(store.reading.inbox(workspace.id)) == 3


def test_a_materialization_shows_counts_a_plot_and_how_to_read_more_but_no_speech(page: Page, stack: Stack) -> None:
    key = f"{day(1)}%7C{SECOND}"
    page.goto(f"{stack.url}/assets/theme_matched_features?view=partitions&partition={key}")
    expect(page.get_by_text("headway features --workspace-id second").first).to_be_visible()
    page.get_by_text("[Show Markdown]").first.click()
    plot = page.locator("img[src^='data:image/png']").first
    expect(plot).to_be_visible()
    assert plot.evaluate("image => image.naturalWidth") > 300
    assert ASK not in page.content()


def test_the_page_of_an_asset_shows_its_newest_day_with_the_picture_first(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.url}/assets/theme_matched_features?view=overview")
    expect(page.get_by_text(re.compile(rf"{day(1)}\|")).first).to_be_visible()
    expect(page.get_by_text("features by week").first).to_be_visible()
    expect(page.get_by_text("More: docs/assets.md#the-assets").first).to_be_visible()


def test_a_failed_check_says_what_is_wrong_in_which_key_and_stops_what_is_behind_it(page: Page, stack: Stack) -> None:
    """Evidence that somebody changed in the database itself, behind the trigger's back."""
    right = change_quote(stack, "I will sue you")
    before = launch_backfill(page, stack, day(2), day(2), workspace=None)
    assert stack.wait_for_backfill(before).startswith("COMPLETED_FAILED")
    change_quote(stack, right)
    page.goto(f"{stack.url}/assets/extracted_features?view=checks&checkDetail=quotes_are_verbatim")
    expect(page.get_by_text("blocking").first).to_be_visible()
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    expect(
        page.get_by_text(re.compile(rf"acme, {day(2)}: evidence .* is not in its transcript")).first
    ).to_be_visible()
    assert "I will sue" not in page.content()
    data = stack.ask("{runsOrError(limit: 1, filter: {statuses: [FAILURE]}) {... on Runs {results {runId}}}}")
    (run,) = data["runsOrError"]["results"]
    page.goto(f"{stack.url}/runs/{run['runId']}")
    expect(page.get_by_text(re.compile("Nothing behind extracted_features was made")).first).to_be_visible()
    before = launch_backfill(page, stack, day(2), day(2), workspace=None)
    assert stack.wait_for_backfill(before) == "COMPLETED_SUCCESS"
    page.goto(f"{stack.url}/assets/extracted_features?view=checks&checkDetail=quotes_are_verbatim")
    expect(page.get_by_text("Nothing to mend.").first).to_be_visible()


def test_a_failed_source_is_told_with_its_connector_cause_and_remedy(page: Page, stack: Stack) -> None:
    stack.reconnect("wrong")
    before = launch_backfill(page, stack, day(1), day(1), workspace=None)
    assert stack.wait_for_backfill(before).startswith("COMPLETED_FAILED")
    data = stack.ask("{runsOrError(limit: 1, filter: {statuses: [FAILURE]}) {... on Runs {results {runId}}}}")
    (run,) = data["runsOrError"]["results"]
    page.goto(f"{stack.url}/runs/{run['runId']}")
    expect(page.get_by_text(re.compile("connector gong")).first).to_be_visible()
    expect(page.get_by_text(re.compile("base URL")).first).to_be_visible()


def test_complete_keys_show_as_materialized_and_incomplete_ones_as_failed(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.url}/assets/theme_matched_features?view=partitions&partition={day(1)}%7Cacme")
    expect(page.get_by_text("Failed (1)").first).to_be_visible()
    expect(page.get_by_text("Materialized (13)").first).to_be_visible()
    expect(page.get_by_text("failed, and did not materialize this asset").first).to_be_visible()
    page.goto(f"{stack.url}/assets/theme_matched_features?view=partitions&partition={day(1)}%7C{SECOND}")
    expect(page.get_by_text("Materialized", exact=True).first).to_be_visible()


def test_the_read_only_pages_show_the_same_and_change_nothing(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.read_only_url}/assets/theme_matched_features?view=partitions&partition={day(1)}%7C{SECOND}")
    expect(page.get_by_text("Materialized", exact=True).first).to_be_visible()
    add = 'addDynamicPartition(partitionsDefName: "workspace", partitionKey: "acme", repositorySelector: '
    add += '{repositoryName: "__repository__", repositoryLocationName: "headway_pipeline"}) {__typename}'
    asked = {"query": f"mutation {{{add}}}"}
    for url, expected in (
        (stack.read_only_url, "UnauthorizedError"),
        (stack.url, "DuplicateDynamicPartitionError"),
    ):
        answer = requests.post(f"{url}/graphql", json=asked, timeout=60).json()
        assert answer["data"]["addDynamicPartition"]["__typename"] == expected


def test_with_the_key_mended_the_next_backfill_completes_the_failed_day(page: Page, stack: Stack) -> None:
    stack.reconnect("the-secret-key")
    before = launch_backfill(page, stack, day(1), day(1), workspace=None)
    assert stack.wait_for_backfill(before) == "COMPLETED_SUCCESS"
