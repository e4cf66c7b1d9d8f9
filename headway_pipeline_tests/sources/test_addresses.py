import pytest

from headway_pipeline.model.errors import InputError
from headway_pipeline.sources.addresses import clean_base_url, trim_base_url
from headway_pipeline.sources.gong import GongSource


@pytest.mark.parametrize(
    "written",
    [
        "https://us-55616.api.gong.io",
        "https://us-55616.api.gong.io/",
        "https://us-55616.api.gong.io/v2",
        " https://US-55616.api.gong.io./v2/ ",
    ],
)
def test_every_spelling_of_an_address_becomes_the_one_before_v2(written: str) -> None:
    assert clean_base_url(GongSource, written) == "https://us-55616.api.gong.io"


@pytest.mark.parametrize(
    "written",
    [
        "http://api.gong.io",
        "https://gong.io.evil.example",
        "https://evilgong.io",
        "https://10.0.0.8",
        "https://169.254.169.254",
        "https://[fd00::1]",
        "https://localhost",
        "http://127.0.0.1:8950",
        "https://2130706433",
    ],
)
def test_credentials_go_by_https_to_the_vendor_and_nowhere_else(written: str) -> None:
    with pytest.raises(InputError) as raised:
        clean_base_url(GongSource, written)
    assert raised.value.remedy


@pytest.mark.parametrize(
    "written",
    [
        "https://user:hunter2@api.gong.io",
        "https://api.gong.io\\@evil.example",
        "https://api.gong.io?key=hunter2",
        "https://api.gong.io#hunter2",
        "https://api.gong.io:hunter2",
        "https://api.gong.io/v2/../../x y",
        "https://[hunter2",
        "ftp://api.gong.io",
        "api.gong.io",
        "https://",
        "https://api_gong/hunter2",
        "",
    ],
)
def test_a_malformed_address_is_refused_without_being_repeated(written: str) -> None:
    with pytest.raises(InputError) as raised:
        clean_base_url(GongSource, written, allow_loopback=True)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("written", ["http://127.0.0.1:8950", "http://localhost:8950", "http://[::1]:8950"])
def test_loopback_is_for_those_at_the_keyboard(written: str) -> None:
    assert clean_base_url(GongSource, f"{written}/v2/", allow_loopback=True) == written
    with pytest.raises(InputError):
        clean_base_url(GongSource, "http://10.0.0.8:8950", allow_loopback=True)


def test_a_host_the_operator_names_is_taken_as_it_is() -> None:
    written = "http://gong-proxy.internal:8080/gong"
    assert clean_base_url(GongSource, written, allowed_hosts={"gong-proxy.internal"}) == written
    assert clean_base_url(GongSource, written, allowed_hosts={"gong-proxy.internal:8080"}) == written
    with pytest.raises(InputError):
        clean_base_url(GongSource, written, allowed_hosts={"gong-proxy.internal:81", "other.internal"})


def test_trimming_judges_nothing() -> None:
    assert trim_base_url(GongSource, "http://anything.example/v2/") == "http://anything.example"
