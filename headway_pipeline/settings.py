"""The environment, read once into one typed object. Nothing else reads environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from headway_pipeline.model.errors import ConfigurationError

__all__ = ["ENVIRONMENT_VARIABLES", "Settings", "current_settings", "find_home", "ignored_variables", "load_settings"]

#: Every variable the project reads, with what it is for; the documentation is tested against this.
ENVIRONMENT_VARIABLES: Mapping[str, str] = {
    "DATABASE_URL": "database of calls and features; SQLite in HEADWAY_HOME when unset",
    "DAGSTER_DATABASE_URL": "database of Dagster's records, in place of a schema of their own in DATABASE_URL's",
    "HEADWAY_HOME": "folder of the embedded database, the key file and Dagster's instance",
    "HEADWAY_SECRET_KEY": "keys that seal credentials, comma-separated, newest first",
    "HEADWAY_START_DATE": "first day of the date partitions, taken at the first run",
    "HEADWAY_FIRST_DAYS": "how many days before it was added a connector is ingested from by itself",
    "HEADWAY_EVENT_LOG_DAYS": "how many days the events of finished runs are kept",
    "HEADWAY_EVAL_DATA": "folder of labelled sets for `headway eval` and the asset `evaluation`",
    "HEADWAY_ALLOWED_HOSTS": "API hosts beside the vendors' own, comma-separated",
    "HEADWAY_PUBLIC_URL": "address at which others reach the API, behind a proxy; webhooks come there",
    "HEADWAY_DAGSTER_URL": "address of Dagster's webserver, which the API asks for runs and alerts link to",
    "HEADWAY_MODEL": "language model that reads the calls, `provider:model` or `provider`",
    "HEADWAY_MODEL_RELEVANCE": "another model for judging relevance",
    "HEADWAY_MODEL_EXTRACTION": "another model for extraction",
    "HEADWAY_MODEL_MATCHING": "another model for filing under themes",
    "HEADWAY_BUDGET_USD": "the most that models may cost a workspace in a calendar month",
    "HEADWAY_CALLS_AT_ONCE": "how many calls a model reads at the same time",
    "HEADWAY_LAG_HOURS": "from how many hours behind its sources on a workspace is warned of",
    "HEADWAY_MODEL_CONTEXT_TOKENS": "length of the models' context, where their server cannot tell",
    "ANTHROPIC_API_KEY": "key for Claude",
    "ANTHROPIC_BASE_URL": "another address than Anthropic's: a proxy, the sandbox",
    "OPENAI_API_KEY": "key for GPT",
    "OPENAI_BASE_URL": "another address than OpenAI's, with its `/v1`: a proxy, the sandbox",
    "OPENAI_COMPATIBLE_API_KEY": "key for a compatible server, if it wants one",
    "OPENAI_COMPATIBLE_BASE_URL": "address of a compatible server, with its `/v1`: Ollama, vLLM, llama.cpp, Azure",
    "HEADWAY_ALERT_URL": "Slack-compatible webhook that is told of failed runs",
    "GONG_ACCESS_KEY": "Gong access key for a connector made with `--credentials env`",
    "GONG_SECRET_KEY": "Gong secret key for a connector made with `--credentials env`",
    "FATHOM_API_TOKEN": "Fathom API key for a connector made with `--credentials env`",
    "FATHOM_PROJECT_ID": "accepted and ignored, with a warning: Fathom has no projects",
}

#: Variables that do nothing, with the reason people are told.
IGNORED_VARIABLES: Mapping[str, str] = {
    "FATHOM_PROJECT_ID": "Fathom has no projects: an API key sees what its user sees",
}

HOME_FOLDER = ".headway"
DEFAULT_YEARS_BACK = 2
DEFAULT_CALLS_AT_ONCE = 16
DEFAULT_DAGSTER_URL = "http://127.0.0.1:3000"
#: As far back as the weekly schedule lists again.
DEFAULT_FIRST_DAYS = 30
DEFAULT_EVENT_LOG_DAYS = 30
#: The schedule that lists most often does so every hour.
DEFAULT_LAG_HOURS = 3.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process is set up.

    Attributes:
        home: absolute path of HEADWAY_HOME; may not exist yet.
        database_url: SQLAlchemy URL; may hold a password, so it is never shown.
        secret_key: HEADWAY_SECRET_KEY, or None.
        environment: the variables sources and models may read credentials from.
        budget_usd: the most that models may cost a workspace in a calendar month, or None.
        calls_at_once: how many calls a model reads at the same time.
        alert_url: where failed runs are told; whoever has it may write there.
        public_url: where others reach the API, without a trailing slash, or None.
        dagster_url: where Dagster's webserver is, without a trailing slash.
        first_days: how many days before it was added a connector is ingested from by itself; 0 for not at all.
        dagster_database_url: DAGSTER_DATABASE_URL, or None; may hold a password, so it is never shown.
        event_log_days: how many days the events of finished runs are kept.
        lag_hours: from how far behind its sources on a workspace is warned of.
    """

    home: Path
    database_url: str = field(repr=False)
    secret_key: str | None = field(repr=False)
    start_date: date
    allowed_hosts: frozenset[str]
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    budget_usd: float | None = None
    calls_at_once: int = DEFAULT_CALLS_AT_ONCE
    alert_url: str | None = field(repr=False, default=None)
    public_url: str | None = None
    dagster_url: str = DEFAULT_DAGSTER_URL
    first_days: int = DEFAULT_FIRST_DAYS
    dagster_database_url: str | None = field(repr=False, default=None)
    event_log_days: int = DEFAULT_EVENT_LOG_DAYS
    lag_hours: float = DEFAULT_LAG_HOURS

    @property
    def is_embedded(self) -> bool:
        """Whether the database is the embedded default."""
        return self.database_url.startswith("sqlite")

    @property
    def key_file(self) -> Path:
        """Where the embedded default keeps the key that seals credentials."""
        return self.home / "secret.key"

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance folder."""
        return self.home / "dagster"

    @property
    def exports(self) -> Path:
        """Where copies of calls and features for other programs go, one folder a workspace; erasure empties it."""
        return self.home / "exports"

    def prepare_home(self) -> bool:
        """Make HEADWAY_HOME, readable by its owner only, and settle the start date in it.

        Returns:
            Whether it was made now.

        Raises:
            ConfigurationError: the folder cannot be made or written.
        """
        is_new = not self.home.is_dir()
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.dagster_home.mkdir(mode=0o700, exist_ok=True)
            self.exports.mkdir(mode=0o700, exist_ok=True)
            start_file = self.home / START_FILE
            if not start_file.exists():
                start_file.write_text(f"{self.start_date.isoformat()}\n", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"the folder {self.home} cannot be made or written ({error.strerror})",
                "set HEADWAY_HOME to a folder you may write",
            ) from error
        return is_new


#: Holds the first partition day, which must not move once partitions exist.
START_FILE = "start_date"


def find_home(environment: Mapping[str, str], working_folder: Path) -> Path:
    """HEADWAY_HOME, else the nearest `.headway` here or in a parent folder, else `.headway` here."""
    named = environment.get("HEADWAY_HOME")
    if named:
        return Path(named).expanduser().absolute()
    for folder in (working_folder, *working_folder.parents):
        if (folder / HOME_FOLDER).is_dir():
            return folder / HOME_FOLDER
    return working_folder / HOME_FOLDER


def load_settings(environment: Mapping[str, str], working_folder: Path) -> Settings:
    """Read the environment; touches no database and makes no folder.

    Raises:
        ConfigurationError: a variable has no usable value.
    """
    home = find_home(environment, working_folder.absolute())
    first_days = _number(environment, "HEADWAY_FIRST_DAYS", at_least=0.0)
    return Settings(
        home=home,
        database_url=environment.get("DATABASE_URL") or f"sqlite:///{home / 'headway.db'}",
        secret_key=environment.get("HEADWAY_SECRET_KEY") or None,
        start_date=_start_date(home, environment),
        allowed_hosts=_hosts(environment.get("HEADWAY_ALLOWED_HOSTS", "")),
        environment=dict(environment),
        budget_usd=_number(environment, "HEADWAY_BUDGET_USD", at_least=0.0),
        calls_at_once=int(_number(environment, "HEADWAY_CALLS_AT_ONCE", at_least=1.0) or DEFAULT_CALLS_AT_ONCE),
        alert_url=_url(environment, "HEADWAY_ALERT_URL", may_have_query=True),
        public_url=_url(environment, "HEADWAY_PUBLIC_URL"),
        dagster_url=_url(environment, "HEADWAY_DAGSTER_URL") or DEFAULT_DAGSTER_URL,
        first_days=DEFAULT_FIRST_DAYS if first_days is None else int(first_days),
        dagster_database_url=environment.get("DAGSTER_DATABASE_URL") or None,
        event_log_days=int(_number(environment, "HEADWAY_EVENT_LOG_DAYS", at_least=1.0) or DEFAULT_EVENT_LOG_DAYS),
        lag_hours=_number(environment, "HEADWAY_LAG_HOURS", at_least=0.0) or DEFAULT_LAG_HOURS,
    )


def ignored_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that are set but do nothing, with the reason."""
    return {name: reason for name, reason in IGNORED_VARIABLES.items() if environment.get(name)}


def current_settings() -> Settings:
    """The settings of this process, as its environment and working folder stand now."""
    return load_settings(os.environ, Path.cwd())


def _hosts(listed: str) -> frozenset[str]:
    return frozenset(host.strip().lower() for host in listed.split(",") if host.strip())


def _url(environment: Mapping[str, str], name: str, *, may_have_query: bool = False) -> str | None:
    """The address a variable holds, without a trailing slash; None where it is not set. It is shown to nobody."""
    written = environment.get(name, "").strip().rstrip("/")
    if not written:
        return None
    try:
        parts = urlsplit(written)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or "@" in written or parts.fragment or (parts.query and not may_have_query):
        raise ConfigurationError(f"{name} is no address", "write it like https://calls.example")
    return written


def _number(environment: Mapping[str, str], name: str, *, at_least: float) -> float | None:
    """The number a variable holds; None where it is not set."""
    written = environment.get(name, "").strip()
    if not written:
        return None
    try:
        number = float(written)
    except ValueError:
        number = float("nan")
    # Written so that "nan", which is a number to `float`, does not pass.
    if not at_least <= number < float("inf"):
        raise ConfigurationError(f"{name} is {written!r}", f"write a number from {at_least:g} on, or unset it")
    return number


def _start_date(home: Path, environment: Mapping[str, str]) -> date:
    """What was settled at the first run, else HEADWAY_START_DATE, else two years back."""
    start_file = home / START_FILE
    try:
        named = start_file.read_text(encoding="utf-8").strip() if start_file.exists() else ""
    except OSError as error:
        raise ConfigurationError(
            f"the folder {home} cannot be read ({error.strerror})", "set HEADWAY_HOME to a folder of your own"
        ) from error
    where = str(start_file) if named else "HEADWAY_START_DATE"
    named = named or environment.get("HEADWAY_START_DATE", "").strip()
    if not named:
        today = datetime.now(tz=UTC).date()
        return date(today.year - DEFAULT_YEARS_BACK, today.month, 1)
    try:
        return date.fromisoformat(named)
    except ValueError as error:
        raise ConfigurationError(f"{where} holds {named!r}, which is no date", "write it as YYYY-MM-DD") from error
