"""Settings: where things are, what is never shown, and a start date that does not move."""

from datetime import date
from pathlib import Path

import pytest

from headway_pipeline.model.errors import ConfigurationError
from headway_pipeline.settings import find_home, load_settings


def test_the_home_of_a_parent_folder_is_found_from_below(tmp_path: Path) -> None:
    (tmp_path / ".headway").mkdir()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_home({}, below) == tmp_path / ".headway"
    assert find_home({"HEADWAY_HOME": str(tmp_path / "x")}, below) == tmp_path / "x"


def test_without_a_home_one_is_named_here_and_made_for_its_owner_only(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    assert settings.home == tmp_path / ".headway"
    assert not settings.home.exists()
    assert settings.prepare_home()
    assert settings.home.stat().st_mode & 0o777 == 0o700
    assert not settings.prepare_home()


def test_the_start_date_is_taken_at_the_first_run_and_stays(tmp_path: Path) -> None:
    first = load_settings({"HEADWAY_START_DATE": "2026-02-03"}, tmp_path)
    first.prepare_home()
    later = load_settings({"HEADWAY_START_DATE": "2020-01-01"}, tmp_path)
    assert first.start_date == later.start_date == date(2026, 2, 3)


def test_a_start_date_that_is_none_is_an_error_that_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"HEADWAY_START_DATE holds '3\.2\.26'.*YYYY-MM-DD"):
        load_settings({"HEADWAY_START_DATE": "3.2.26"}, tmp_path)


def test_how_far_back_a_first_ingest_reaches_may_be_set_and_may_be_nothing(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path).first_days == 30
    assert load_settings({"HEADWAY_FIRST_DAYS": "0"}, tmp_path).first_days == 0
    with pytest.raises(ConfigurationError, match="HEADWAY_FIRST_DAYS is '-1'"):
        load_settings({"HEADWAY_FIRST_DAYS": "-1"}, tmp_path)


def test_settings_show_no_secret(tmp_path: Path) -> None:
    secret = "hunter2"
    names = ("DATABASE_URL", "HEADWAY_SECRET_KEY", "GONG_SECRET_KEY")
    settings = load_settings(dict.fromkeys(names, secret), tmp_path)
    assert secret not in repr(settings)


def test_a_home_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="set HEADWAY_HOME"):
        load_settings({"HEADWAY_HOME": str(tmp_path / "file" / "home")}, tmp_path).prepare_home()
