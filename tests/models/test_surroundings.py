"""Which proxy and which certificates an environment means, where an entry lets it mean any."""

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.loopback import is_loopback
from models.endpoint.surroundings import (
    advice_on_proxies,
    certificates,
    proxy_for,
)

FAR = "https://api.example.com/v1"

NAMES = [
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "all_proxy",
    "no_proxy",
    "NO_PROXY",
]


@pytest.mark.parametrize(
    ("environ", "url", "variable"),
    [
        ({"HTTPS_PROXY": "http://p:3128"}, "http://p:3128", "HTTPS_PROXY"),
        ({"https_proxy": "p:3128"}, "http://p:3128", "https_proxy"),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2"}, "http://b:2", "https_proxy"),
        ({"all_proxy": "http://p:3128"}, "http://p:3128", "all_proxy"),
        ({"ALL_PROXY": "http://a:1", "HTTPS_PROXY": "http://b:2"}, "http://b:2", "HTTPS_PROXY"),
    ],
)
def test_the_proxy_of_a_scheme_is_named_with_its_variable(environ, url, variable):
    proxy = proxy_for(FAR, environ)
    assert (proxy.url, proxy.variable, proxy.credential) == (url, variable, "")


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HTTP_PROXY": "http://p:1"},
        {"HTTPS_PROXY": ""},
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"},
        {"HTTPS_PROXY": "http://p:1", "no_proxy": "a.example,example.com"},
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "[::1],.example.com"},
    ],
)
def test_other_schemes_and_exceptions_have_none(environ):
    assert proxy_for(FAR, environ) is None


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://[::1]:80/", "http://localhost/"]
)
def test_this_machine_is_never_asked_through_a_proxy(url):
    assert is_loopback(url)
    assert proxy_for(url, {"HTTP_PROXY": "http://p:1", "ALL_PROXY": "socks://nonsense"}) is None


def test_a_user_part_of_a_proxy_is_a_credential():
    proxy = proxy_for(FAR, {"HTTPS_PROXY": "http://bob:HUNTER22@p:3128"})
    assert (proxy.url, proxy.credential) == ("http://p:3128", "Ym9iOkhVTlRFUjIy")


@pytest.mark.parametrize("value", ["socks://p:1", "socks5h://bob:HUNTER22@p:1", "ftp://p"])
def test_another_kind_of_proxy_is_refused_by_the_name_of_its_variable(value):
    with pytest.raises(UserError, match="all_proxy") as caught:
        proxy_for(FAR, {"all_proxy": value})
    assert "HUNTER22" not in str(caught.value)


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20)))
@settings(max_examples=300)
def test_any_environment_is_a_proxy_or_none_or_a_line(environ):
    try:
        proxy = proxy_for(FAR, environ)
    except UserError as error:
        assert "\n" not in str(error).strip("\n") or any("\n" in v for v in environ.values())
        return
    assert proxy is None or environ[proxy.variable]


def test_certificates_are_certifis_unless_a_variable_names_others(tmp_path):
    import certifi

    usual = certificates({}).cert_store_stats()["x509_ca"]
    assert usual > 100
    whole = open(certifi.where(), encoding="ascii").read()  # noqa: PTH123, SIM115
    end = "-----END CERTIFICATE-----\n"
    (tmp_path / "one.pem").write_text(whole[whole.index("-----BEGIN") :].split(end)[0] + end)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        context = certificates({name: str(tmp_path / "one.pem")})
        assert context.cert_store_stats()["x509_ca"] == 1
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_named_by_their_variable(name, tmp_path):
    (tmp_path / "empty.pem").write_text("no certificate")
    for place in ("/nonexistent/ca", str(tmp_path / "empty.pem")):
        with pytest.raises(UserError, match=name):
            certificates({name: place})


def test_the_key_log_of_the_environment_is_not_written(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert certificates({}).keylog_filename is None


def test_whoever_cannot_connect_is_told_what_the_environment_did():
    proxy = proxy_for(FAR, {"HTTPS_PROXY": "http://p:1"})
    assert "HTTPS_PROXY" in advice_on_proxies(FAR, proxy, {})
    assert "trust_env = true" in advice_on_proxies(FAR, None, {"HTTPS_PROXY": "http://p:1"})
    assert advice_on_proxies("http://localhost/v1", None, {"HTTP_PROXY": "http://p:1"}) == ""
