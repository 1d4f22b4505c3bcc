"""Every number that a user can type has its range."""

import pytest

from common.errors import UserError
from models.registry import read_entry

KINDS = {
    "echo": 'kind = "echo"',
    "local": 'kind = "local"\nbase = "embedded:smollm2"',
    "endpoint": 'kind = "endpoint"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"',
    "extractive": 'kind = "extractive"',
}
DECODING = [
    "max_tokens = 0", "max_tokens = -5", "max_tokens = 1e30", "max_tokens = true",
    "max_tokens = 99999999999999999999", "temperature = nan", "temperature = -1.0",
    "temperature = inf", "temperature = 1e30", "temperature = true", "top_p = 7.0", "top_p = 0.0",
    "top_p = nan", "top_p = -0.5", "seed = -1", "seed = 99999999999999999999", "seed = nan",
]  # fmt: skip
OTHERS = {
    "endpoint": [
        "timeout = nan", "timeout = inf", "timeout = 0", "timeout = -1.0", "timeout = 1e30",
        "context = 0", "context = 99999999999999999999", "concurrency = 0", "concurrency = 1e9",
        "concurrency = 99999999999", "retries = -1", "retries = 99999999999", "retries = true",
        "most_passages = 0", "most_passages = 99999999999",
    ],
    "local": ["batch_tokens = 0", "batch_tokens = 99999999999999999999"],
    "extractive": ["threshold = nan", "threshold = 2.0", "threshold = -inf"],
}  # fmt: skip


def refusal(folder, text):
    (folder / "m.toml").write_text(text)
    with pytest.raises(UserError) as caught:
        read_entry("m", folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.fault("SET-1")
@pytest.mark.parametrize("line", DECODING)
def test_a_decoding_that_no_model_has_is_refused(line, tmp_path):
    for kind in ("echo", "local", "endpoint"):
        said = refusal(tmp_path, f"{KINDS[kind]}\n[decoding]\n{line}\n")
        assert line.split(" ")[0] in said and str(tmp_path / "m.toml") in said


@pytest.mark.fault("SET-1")
@pytest.mark.parametrize(
    ("kind", "line"), [(kind, line) for kind, lines in OTHERS.items() for line in lines]
)
def test_a_number_out_of_its_range_is_refused(kind, line, tmp_path):
    assert line.split(" ")[0] in refusal(tmp_path, f"{KINDS[kind]}\n{line}\n")


@pytest.mark.fault("SRV-5")
@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000/v1", "ftp://h/v1", "http://[::1/v1", "", "http:///v1", "http://h:x/v1"]
)
def test_a_base_url_that_nothing_can_connect_to_is_refused_with_its_file(url, tmp_path):
    said = refusal(tmp_path, f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "m"\n')
    assert "base_url" in said and str(tmp_path / "m.toml") in said


@pytest.mark.fault("SEC-3")
def test_a_key_where_its_variable_should_be_named_is_not_repeated(tmp_path):
    key = "acme/0123456789abcdef"
    said = refusal(tmp_path, KINDS["endpoint"] + f'\napi_key_env = "{key}"\n')
    assert "api_key_env" in said and key not in said


@pytest.mark.fault("SRV-5")
def test_two_ways_to_say_who_asks_are_one_too_many(tmp_path):
    url = "http://bob:HUNTER22@127.0.0.1:9/v1"
    said = refusal(
        tmp_path, f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "m"\napi_key_env = "K"\n'
    )
    assert "base_url" in said and "api_key_env" in said and "HUNTER22" not in said
