"""`headway sandbox`: a local Gong, Fathom, Claude and GPT over real HTTP, with made-up calls or a file of them."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from headway_pipeline.cli.context import verbose_option
from headway_pipeline.cli.output import say
from headway_pipeline.model.errors import InputError

__all__ = ["USUAL_PORT", "command"]

USUAL_PORT = 8950
SOURCES = ("gong", "fathom")
#: Of `sandbox/scenarios.py`, which is loaded only by those who want one.
SCENARIOS = ("changes", "faults", "late-calls", "late-transcripts", "limits", "oddities")


@click.command(name="sandbox")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=USUAL_PORT, show_default=True, help="0 for any free one."
)
@click.option(
    "--calls",
    "calls_file",
    type=click.Path(path_type=Path),
    help="Serve these calls instead: JSON Lines, one call a line (see docs/sandbox.md).",
)
@click.option("--rebase-dates", is_flag=True, help="Move all calls of the file into the last 30 days.")
@click.option(
    "--source", type=click.Choice(SOURCES), help="Put all calls of the file into this source, not in turn into both."
)
@click.option(
    "--scenario", type=click.Choice(SCENARIOS), help="Have something happen while you watch (see docs/sandbox.md)."
)
@verbose_option
def command(
    port: int,
    calls_file: Path | None,
    rebase_dates: bool,
    source: str | None,
    scenario: str | None,
    verbose: bool,  # noqa: ARG001
) -> None:
    """Serve a local Gong, Fathom, Claude and GPT on the loopback address until Ctrl-C."""
    from headway_pipeline.sandbox.models.api import demo_truth
    from headway_pipeline.sandbox.server import Sandbox
    from headway_pipeline.sandbox.worlds import demo_world, world_from_file

    today = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if calls_file is None:
        if rebase_dates or source:
            raise InputError(
                "--rebase-dates and --source are for the calls of a file",
                "give the file with --calls, or leave them out",
            )
        world = demo_world(today)
    else:
        world = world_from_file(calls_file, today, rebase_dates, source)
    with Sandbox(world, port=port) as sandbox:
        # The calls of a file hold nothing the models know of: they answer that nothing is asked for.
        sandbox.models.model.truth = demo_truth() if calls_file is None else ()
        for company in world.companies:
            in_gong, in_fathom = len(company.calls_in("gong")), len(company.calls_in("fathom"))
            say(f"{company.name}: {in_gong} calls in Gong, {in_fathom} in Fathom")
            say(f"  Gong's access key {company.access_key}")
            say(f"  Gong's secret key {company.secret_key}")
            say(f"  Fathom's API key  {company.api_token}")
        say(f"Gong answers at {sandbox.base_url} (connector add --type gong --base-url {sandbox.base_url})")
        say(f"Fathom answers at {sandbox.fathom_url} (connector add --type fathom --base-url {sandbox.fathom_url})")
        say("Models answer from what was planted, so they measure plumbing only (any key will do):")
        say(f"  ANTHROPIC_BASE_URL={sandbox.models.anthropic_url}")
        say(f"  OPENAI_BASE_URL={sandbox.models.openai_url}")
        if scenario is not None:
            from headway_pipeline.sandbox.scenarios import begin

            say(f"From now on {begin(scenario, sandbox, sandbox.clock())}")
        say("Ctrl-C stops it")
        while True:
            time.sleep(3600)
