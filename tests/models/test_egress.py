"""Nothing leaves where no line allows it, and nothing is looked up or connected before."""

import os
import socket
import subprocess
import sys
from typing import Literal

import pytest

from common.errors import UserError
from common.extensions import Table
from models.called import CalledModel
from models.egress import Egress, Sent, bucket_url, check_store
from models.entry import Entry, Kind
from models.factory import Chats, open_models
from tests.builders.policies import permissive
from tests.conftest import ROOT
from tests.seams import users

DATA = "d" * 64
ENTRY = 'kind = "endpoint"\nbase_url = "{url}"\nmodel = "m"\nretries = 0\n{more}'


class MineEntry(Entry):
    kind: Literal["mine"]


@pytest.fixture
def registry(tmp_path):
    (tmp_path / "registry").mkdir()
    return tmp_path / "registry"


@pytest.fixture
def no_network(monkeypatch):
    """Every name that is looked up and every connection is a failure of the test."""

    def reached(*args, **more):
        pytest.fail(f"reached for {args}")

    for name in ("getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, reached)
    monkeypatch.setattr(socket.socket, "connect", reached)


def allow(registry, *lines):
    text = permissive("a" * 64, DATA) + "[egress]\n" + "\n".join(lines) + "\n"
    (registry.parent / "policy.toml").write_text(text)


def opened(registry, url, name="sample", more=""):
    (registry / "m.toml").write_text(ENTRY.format(url=url, more=more))
    return Chats(registry, [Sent(name, DATA)]).open("m")


def refused(registry, url, name="sample", more=""):
    with pytest.raises(UserError) as caught:
        opened(registry, url, name, more)
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize(
    "url",
    ["http://localhost:1/v1", "http://127.0.0.9/v1", "http://[::1]:8000/v1", "http://LOCALHOST/"],
)
def test_this_machine_needs_no_line_and_no_policy(registry, no_network, url):
    assert opened(registry, url)


OUTSIDE = (
    "https://api.example.com/v1",
    "http://10.0.0.1/v1",
    "http://0.0.0.0/v1",
    "http://127.0.0.1.nip.io/v1",
    "http://localhost.example.com/v1",
    "http://localhost@api.example.com/v1",
    "http://127.0.0.1:80@api.example.com/v1",
    "http://[::ffff:10.0.0.1]/v1",
    "http://2130706433.example/v1",
)


@pytest.mark.parametrize("url", OUTSIDE)
def test_without_a_line_nothing_leaves(registry, no_network, url):
    assert "where sample may not be sent" in refused(registry, url)
    allow(registry, '"other" = ["*"]')
    assert "where sample may not be sent" in refused(registry, url)


def test_the_refusal_prints_the_line_that_allows_it(registry, no_network):
    allow(registry)
    line = refused(registry, "https://api.example.com/v1", "recorded:mine.csv").partition("toml: ")[
        2
    ]
    assert line == '"recorded:mine.csv" = ["api.example.com"]'
    allow(registry, line)
    assert opened(registry, "https://api.example.com/v1", "recorded:mine.csv")


@pytest.mark.parametrize(
    ("line", "url", "goes"),
    [
        ('sample = ["api.example.com"]', "https://API.example.com:443/v1", True),
        ('sample = ["api.example.com"]', "https://api.example.com./v1", True),
        ('sample = ["api.example.com"]', "https://api.example.com.evil.org/v1", False),
        ('sample = ["api.example.com"]', "https://x.api.example.com/v1", False),
        ('sample = ["*.example.com"]', "https://a.b.example.com/v1", True),
        ('sample = ["*.example.com"]', "https://example.com/v1", False),
        ('sample = ["*.example.com"]', "https://evilexample.com/v1", False),
        ('"*" = ["api.example.com"]', "https://api.example.com/v1", True),
        (f'"{DATA}" = ["api.example.com"]', "https://api.example.com/v1", True),
        (f'"{"e" * 64}" = ["*"]', "https://api.example.com/v1", False),
        ('sample = ["*"]', "http://10.0.0.1/v1", True),
        ("sample = []", "http://10.0.0.1/v1", False),
    ],
)
def test_hosts_and_data_sets_are_exact(registry, no_network, line, url, goes):
    allow(registry, line)
    if goes:
        assert opened(registry, url)
    else:
        assert "may not be sent" in refused(registry, url)


def test_a_folder_is_not_the_sample_because_it_is_called_so(registry, no_network, tmp_path):
    allow(registry, 'sample = ["*"]', 'cuad = ["*"]')
    for name in (str(tmp_path / "sample"), "./sample", "sub/cuad"):
        assert "may not be sent" in refused(registry, "https://api.example.com/v1", name)


def test_another_folder_is_not_cuad_because_it_is_said_to_be(registry, no_network, monkeypatch):
    allow(registry, 'cuad = ["*"]')
    assert opened(registry, "https://api.example.com/v1", "cuad")
    monkeypatch.setenv("CUAD_DIR", "/srv/private")
    assert "/srv/private may not be sent" in refused(registry, "https://api.example.com/v1", "cuad")


def test_a_path_may_be_written_as_seen_from_the_policy(registry, no_network):
    allow(registry, '"contracts" = ["api.example.com"]')
    typed = str(registry.parent / "contracts")
    assert opened(registry, "https://api.example.com/v1", typed)
    assert "may not" in refused(registry, "https://api.example.com/v1", f"recorded:{typed}")


def test_of_several_data_sets_each_must_be_allowed(registry, no_network):
    allow(registry, 'sample = ["api.example.com"]')
    (registry / "m.toml").write_text(ENTRY.format(url="https://api.example.com/v1", more=""))
    sent = [Sent("sample", DATA), Sent("recorded:x.csv", "e" * 64)]
    with pytest.raises(UserError, match=r"recorded:x\.csv may not be sent"):
        Chats(registry, sent).open("m")


def test_a_proxy_is_no_way_round(registry, no_network, monkeypatch):
    allow(registry, 'sample = ["api.example.com"]')
    url, trusts = "https://api.example.com/v1", "trust_env = true\n"
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    assert opened(registry, url)  # nobody reads the variable
    assert "is at proxy.example.org" in refused(registry, url, more=trusts)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    assert opened(registry, url, more=trusts)
    assert "is at other.example.com" in refused(registry, "https://other.example.com/", more=trusts)


def test_there_is_no_other_way_to_a_server():
    """Whoever opens a server or a store has said what data leaves."""
    makers = users("models.endpoint.server.endpoint_chat", "models.endpoint.server.EndpointServer")
    # bench/ asks servers of its own
    assert {path for path in makers if not path.startswith("bench/")} == {"models/factory.py"}
    assert users("models.endpoint.connection.connect") == {
        "models/endpoint/server.py", "models/retrieval/served.py", "reports/comment/posting.py",
    }  # fmt: skip
    asking = {
        "reports/examination/examine.py", "training/synthesize/__main__.py",
        "training/preferences/__main__.py",
    }  # fmt: skip
    assert asking <= users("models.egress.Sent") & users("models.egress.check_store")
    for opened in ("evals.calls.store.Store", "models.factory.Chats"):
        doors = {path for path in users(opened) if path.endswith(("__main__.py", "examine.py"))}
        doors = {path for path in doors if not path.startswith("bench/")}
        assert doors == asking


@pytest.mark.parametrize(
    ("hosts", "lines", "wanted"),
    [
        ((), [], None),
        (("localhost", "127.0.0.2"), [], None),
        (("api.example.com",), [], '"sample" = ["api.example.com"]'),
        (("api.example.com",), ['sample = ["*.example.com"]'], None),
        (("api.example.com", "b.org"), ['"*" = ["api.example.com"]'], '"sample" = ["b.org"]'),
        (("*.example.com",), ['sample = ["a.example.com"]'], '"sample" = ["*.example.com"]'),
        (lambda entry: [entry.description], [], '"sample" = ["said.example.com"]'),
        (None, ['sample = ["unknown", "*.com", "api.example.com"]'], '"sample" = ["*"]'),
        (None, ['sample = ["*"]'], None),
    ],
)
def test_a_kind_that_a_repository_adds_goes_where_it_says(
    registry, no_network, monkeypatch, hosts, lines, wanted
):
    def entered(name, entry):
        assert wanted is None, "it was opened before the policy was asked"
        return CalledModel(name, "0" * 64, None)

    kind = Kind("mine", MineEntry, entered, hosts=hosts)
    monkeypatch.setattr("models.registry.KINDS", table := Table(Kind, (kind,)))
    monkeypatch.setattr("models.factory.KINDS", table)
    (registry / "m.toml").write_text('kind = "mine"\ndescription = "said.example.com"\n')
    allow(registry, *lines)
    chats = Chats(registry, [Sent("sample", DATA)])
    if wanted is None:
        assert open_models(["m"], registry, chats)
        return
    with pytest.raises(UserError) as caught:
        open_models(["m"], registry, chats)
    assert str(caught.value).endswith(f"add to [egress] of {registry.parent}/policy.toml: {wanted}")
    allow(registry, wanted, *(line for line in lines if line.startswith('"*"')))
    wanted = None
    assert open_models(["m"], registry, chats)


@pytest.mark.parametrize("host", ["https://api.example.com", "api.example.com:443", "", "API.com"])
def test_what_a_kind_calls_a_host_is_one(registry, host):
    allow(registry, 'sample = ["api.example.com"]')
    with pytest.raises(UserError):
        Egress(registry, (Sent("sample", DATA),)).check_hosts([host], "model m")
    with pytest.raises(ValueError, match="hosts of kind mine are a tuple"):
        Kind("mine", MineEntry, None, hosts="api.example.com")


def test_who_does_not_say_what_is_sent_cannot_ask(registry, no_network):
    import asyncio

    allow(registry, '"*" = ["*"]')
    (registry / "m.toml").write_text(ENTRY.format(url="https://api.example.com/v1", more=""))
    model = Chats(registry).open("m")
    assert model.identity
    with pytest.raises(UserError, match="nobody said what data"):
        asyncio.run(model.preflight())


@pytest.mark.parametrize(
    ("store", "goes"),
    [
        ("x.sqlite", True),
        ("sqlite:///x.sqlite", True),
        ("postgresql://me@localhost/exam", True),
        ("postgresql:///exam", True),
        ("postgresql:///exam?host=/var/run/postgresql", True),
        ("postgresql://me:pw@db.example.com/exam", False),
        ("postgresql:///exam?host=db.example.com", False),
        ("postgresql+psycopg://127.0.0.1,db.example.com/exam", False),
        ("postgresql://u@localhost:15432/db?hostaddr=192.0.2.2", False),
        ("postgresql://u@/db?hostaddr=127.0.0.1,192.0.2.2&host=localhost,localhost", False),
        ("postgresql:///db?host=/tmp,192.0.2.2", False),
        ("postgresql:///db?host=/tmp&host=192.0.2.2", False),
        ("postgresql:///db?host=/tmp,,localhost", True),
        ("postgresql://[::1]/db", True),
        ("postgresql://[2001:db8::1]/db", False),
        ("postgresql://localhost/db?conninfo=hostaddr%3D192.0.2.2", False),
    ],
)
def test_a_store_on_another_machine_needs_a_line_too(registry, no_network, store, goes):
    egress = Egress(registry, (Sent("sample", DATA),))
    if goes:
        check_store(store, egress)
        return
    with pytest.raises(UserError, match="where sample may not be sent"):
        check_store(store, egress)
    allow(registry, 'sample = ["*"]')
    check_store(store, egress)


@pytest.mark.parametrize("url", ["postgresql://u@localhost/db", "postgresql:///db?host=/tmp"])
@pytest.mark.parametrize(
    ("variable", "value", "goes"),
    [
        ("PGHOSTADDR", "192.0.2.2", False),
        ("PGHOSTADDR", "127.0.0.1,192.0.2.2", False),
        ("PGHOSTADDR", "127.0.0.1", True),
        ("PGSERVICE", "far", False),
        ("PGPORT", "15432", True),
    ],
)
def test_what_libpq_reads_in_the_environment_counts(
    registry, no_network, monkeypatch, url, variable, value, goes
):
    monkeypatch.setenv(variable, value)
    egress = Egress(registry, (Sent("sample", DATA),))
    if goes:
        check_store(url, egress)
    else:
        with pytest.raises(UserError, match=r"where sample may not be sent|a service file"):
            check_store(url, egress)


def test_a_variable_names_the_server_that_no_url_does(registry, no_network, monkeypatch):
    monkeypatch.setenv("PGHOST", "/tmp,db.example.com")
    egress = Egress(registry, (Sent("sample", DATA),))
    check_store("postgresql://localhost/db", egress)
    with pytest.raises(UserError, match=r"is at db\.example\.com, where sample may not be sent"):
        check_store("postgresql:///db", egress)


@pytest.mark.parametrize("query", ["service=far", "conninfo=service%3Dfar"])
def test_a_service_file_is_not_followed(registry, no_network, query):
    allow(registry, 'sample = ["*"]')
    with pytest.raises(UserError, match="a service file says where it is"):
        check_store(f"postgresql:///db?{query}", Egress(registry, (Sent("sample", DATA),)))


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example\\@localhost", "http:/evil.example", "evil.example/v1", "", "http://",
        "http://[::1", "localhost:8000/v1",
    ],
)  # fmt: skip
def test_a_url_that_names_no_host_is_refused(registry, no_network, url):
    allow(registry, '"*" = ["*"]')
    with pytest.raises(UserError) as caught:
        Egress(registry, (Sent("sample", DATA),)).check(url, "model m", {})
    assert str(caught.value).startswith("model m names no host; write its URL as ")


@pytest.mark.parametrize("where", ["?hostaddr={}", "?host=/nowhere,{}", "PGHOSTADDR", "service"])
def test_an_exam_reaches_no_server_of_a_store(registry, tmp_path, where):
    """A server listens under an address of this machine that is not loopback's."""
    listener = socket.create_server(("0.0.0.0", 0))
    listener.settimeout(0.2)
    port, more = listener.getsockname()[1], {}
    if where == "PGHOSTADDR":
        more = {where: "0.0.0.0"}
    elif where == "service":
        file = tmp_path / "services"
        file.write_text(f"[far]\nhost=0.0.0.0\nport={port}\n")
        more = {"PGSERVICE": "far", "PGSERVICEFILE": str(file)}
    (registry / "echo.toml").write_text('kind = "echo"\n')
    query = where.format("0.0.0.0") if where.startswith("?") else ""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider", "--limit=2",
         "--retriever=bm25", f"--registry={registry}", "--model=echo", "--judge=none",
         f"--runs={tmp_path / 'runs'}", f"--ledger={tmp_path / 'ledger'}",
         f"--store=postgresql://u@{'' if query else 'localhost'}:{port}/db{query}"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, **more},
    )  # fmt: skip
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()
    assert done.returncode == 4, done.stdout + done.stderr
    said = "a service file says" if where == "service" else '"sample" = ["0.0.0.0"]'
    assert said in done.stderr + done.stdout


@pytest.mark.parametrize(
    "role", ["--model=m", "--model=echo --baseline=m", "--model=echo --judge=m"]
)
def test_an_exam_says_so_before_it_connects(registry, tmp_path, role):
    """A server listens on this machine under an address that is not loopback's."""
    listener = socket.create_server(("0.0.0.0", 0))
    listener.settimeout(0.2)
    url = f"http://0.0.0.0:{listener.getsockname()[1]}/v1"
    (registry / "m.toml").write_text(ENTRY.format(url=url, more=""))
    (registry / "echo.toml").write_text('kind = "echo"\n')
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider", "--limit=2",
         "--retriever=bm25", f"--registry={registry}", f"--store={tmp_path / 's.sqlite'}",
         f"--runs={tmp_path / 'runs'}", *(["--judge=none"] if "judge" not in role else []),
         *role.split()],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 4, done.stdout + done.stderr
    assert "[egress] of" in done.stderr + done.stdout
    assert '"sample" = ["0.0.0.0"]' in done.stderr + done.stdout
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()


@pytest.mark.parametrize(
    ("endpoint", "place"),
    [
        ("https://s3.amazonaws.com", "https://b.s3.amazonaws.com"),
        ("https://s3.us-gov-west-1.amazonaws.com", "https://b.s3.amazonaws.com"),
        ("https://s3-fips.dualstack.us-east-1.amazonaws.com", "https://b.s3.amazonaws.com"),
        ("https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com", "https://b.s3.amazonaws.com"),
        ("https://s3.cn-north-1.amazonaws.com.cn", "https://b.s3.amazonaws.com.cn"),
        ("https://s3-1.us-east-1.elb.amazonaws.com", "the same"),
        ("https://abc.execute-api.us-east-1.amazonaws.com", "the same"),
        ("https://ec2-203-0-113-9.compute-1.amazonaws.com", "the same"),
        ("https://s3.amazonaws.com.evil.example", "the same"),
    ],
)
def test_a_bucket_is_amazon_s_at_amazon_s_own_hosts_of_s3_alone(endpoint, place):
    assert bucket_url("b", endpoint) == (endpoint if place == "the same" else place)
