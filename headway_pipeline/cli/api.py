"""`headway api`: the REST API on this machine."""

import click

from headway_pipeline.cli.context import opened, ready_settings, verbose_option
from headway_pipeline.cli.output import say
from headway_pipeline.model.errors import ConfigurationError

__all__ = ["command"]


@click.command(name="api")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Where it listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address it listens on.")
@click.option(
    "--behind-proxy",
    metavar="ADDRESSES",
    help="A proxy with TLS stands before it at these addresses, comma-separated; they may name the real caller. "
    "Only then another --host than loopback is taken.",
)
@verbose_option
def command(port: int, host: str, behind_proxy: str | None, verbose: bool) -> None:
    """Serve the REST API until Ctrl-C."""
    from headway_pipeline.api.serving import serve
    from headway_pipeline.sources.addresses import is_loopback

    settings = ready_settings()
    if not is_loopback(host) and behind_proxy is None:
        raise ConfigurationError(
            f"{host} is open to other machines, and tokens would cross the network in the clear",
            "put a proxy with TLS before it and name its addresses in --behind-proxy, or leave --host out",
        )
    with opened() as store:
        shown = f"[{host}]" if ":" in host else host
        words = f"REST API at http://{shown}:{port}/api/v1, described at http://{shown}:{port}/openapi.json"
        serve(
            store,
            settings,
            host=host,
            port=port,
            proxies=behind_proxy,
            is_verbose=verbose,
            listening=lambda: say(words),
        )
