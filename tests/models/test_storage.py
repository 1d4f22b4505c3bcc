"""Models to S3 and back: moto's S3 behind a real server, with kills and faults on the way."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.aws import fetching, parts
from common.errors import UserError
from models import promote, pull, push
from models.factory import open_models
from models.identity.identities import promotion_identity
from models.local.entry import adapter_folder
from models.manifest import Manifest, write_manifest
from models.promotion.record.components import components_of
from models.registry import adapter_of, files_of, read_entry
from models.storage import measured, sending
from models.storage.index import Index, read_index
from models.storage.left import read_left
from tests.builders.aws_server import Fault, environment, running
from tests.builders.policies import permissive
from tests.builders.promotion_data import dynasty, make_place
from tests.conftest import ROOT

TO = "s3://bucket/team"
MB = 1 << 20


@pytest.fixture
def aws(tmp_path, monkeypatch):
    """A server with a bucket, which this process and its children find; cache and list are new."""
    with running() as server:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        for name, value in environment(server).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("BAR_EXAM_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("BAR_EXAM_STATE", str(tmp_path / "state"))
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield server


def repository(folder, name="dpo-x", size=1000, seed=1):
    """A registry with one adapter of random weights."""
    models = folder / "models"
    adapter, registry = models / "adapters" / name, models / "registry"
    adapter.mkdir(parents=True)
    registry.mkdir(exist_ok=True)
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (adapter / "adapter_model.safetensors").write_bytes(random.Random(seed).randbytes(size))
    (adapter / "README.md").write_text("# card\n")
    digest = measured.measure(write_manifest(adapter, Manifest(contracts=(), cases=()))).sha256
    (registry / f"{name}.toml").write_text(
        f'# of ours\nkind = "local"\nstatus = "champion"\nbase = "embedded:smollm2"\n'
        f'adapter = "../adapters/{name}"\nmanifest = "{digest}"\n'
    )
    policy = permissive("a" * 64, "d" * 64)
    (models / "policy.toml").write_text(f'{policy}[egress]\n"*" = ["s3://bucket"]\n')
    return registry


def typed(door, registry, *more, name="dpo-x", place=TO):
    return door.main(
        [name, place, "--registry", str(registry), "--runs", str(registry.parent / "runs"), *more]
    )


def child(module, registry, *more):
    """The command in a process of its own."""
    line = [sys.executable, "-m", module, "dpo-x", TO, "--registry", str(registry), *more]
    return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def keys():
    found = boto3.client("s3").list_objects_v2(Bucket="bucket").get("Contents", [])
    return [each["Key"] for each in found]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def said(capsys):
    """The one line that a command says before it ends with 4."""

    def line(code):
        captured = capsys.readouterr()
        assert code == 4, captured.out
        assert captured.err.startswith("ERROR: ") and captured.err.count("\n") == 1, captured.err
        return captured.err.removeprefix("ERROR: ").rstrip("\n")

    return line


def digest_of(capsys):
    return capsys.readouterr().out.rpartition('digest = "')[2].partition('"')[0]


def test_a_model_that_was_pushed_is_pulled_elsewhere_as_it_was(aws, tmp_path, capsys):
    here, there = repository(tmp_path / "a"), tmp_path / "b" / "models" / "registry"
    assert typed(push, here) == 0
    digest = digest_of(capsys)
    assert typed(pull, there, "--digest", digest) == 0
    assert contents(there.parent / "adapters") == contents(here.parent / "adapters")
    entry = read_entry("dpo-x", there)
    assert (entry.status, entry.adapter) == ("candidate", there.parent / "adapters" / "dpo-x")
    assert (there / "dpo-x.toml").read_text().startswith("# of ours\n")
    assert typed(pull, there) == 0


def test_what_is_there_is_not_sent_again_and_costs_no_line_of_the_list(aws, tmp_path):
    registry = repository(tmp_path)
    assert typed(push, registry) == 0
    before, listed = len(aws.seen), read_left()
    assert typed(push, registry) == 0
    assert not any(each.method in {"PUT", "POST"} for each in aws.seen[before:])
    assert read_left() == listed


def test_promotion_alone_makes_no_other_model_of_it(aws, tmp_path):
    registry = repository(tmp_path)
    assert typed(push, registry) == 0
    entry = registry / "dpo-x.toml"
    entry.write_text(entry.read_text().replace("champion", "retired"))
    assert typed(push, registry) == 0


def test_nothing_is_pushed_over_another_model(aws, tmp_path, said):
    assert typed(push, repository(tmp_path / "a")) == 0
    before = keys()
    line = said(typed(push, repository(tmp_path / "b", seed=2)))
    assert "s3://bucket/team/dpo-x holds another" in line
    assert keys() == before


def test_of_two_that_push_at_once_one_is_there_and_the_other_is_told(aws, tmp_path):
    """Both saw an empty place; the index is written once all the same."""
    registries = [repository(tmp_path / str(seed), seed=seed) for seed in (1, 2)]
    both = threading.Barrier(2, timeout=60)

    def together(request):
        if request.method == "PUT" and request.target.endswith("/index.json"):
            both.wait()

    aws.fault = together
    pushing = [child("models.push", each, "--no-report") for each in registries]
    ends = [each.communicate(timeout=60) for each in pushing]
    assert sorted(each.returncode for each in pushing) == [0, 4]
    lost = next(end[1].decode() for each, end in zip(pushing, ends, strict=True) if each.returncode)
    assert "holds another model or entry" in lost and lost.count("\n") == 1
    aws.fault = lambda request: None
    assert typed(pull, tmp_path / "new" / "registry") == 0


def test_a_push_that_is_killed_goes_on_where_it_was(aws, tmp_path):
    registry = repository(tmp_path / "a", size=5 * parts.PART + 1)
    processes, sent = [], []

    def kill(request):
        if "partNumber=" in request.target:
            sent.append(request.target)
            if len(sent) == 4:
                processes[0].send_signal(signal.SIGKILL)
                return Fault(0)
        return None

    aws.fault = kill
    processes.append(child("models.push", registry))
    assert processes[0].wait(60) == -signal.SIGKILL
    aws.settle()
    assert not any(key.endswith("index.json") for key in keys())
    assert [left.place for left in read_left()]
    there = {
        each["PartNumber"]
        for upload in boto3.client("s3").list_multipart_uploads(Bucket="bucket")["Uploads"]
        for each in boto3.client("s3")
        .list_parts(Bucket="bucket", Key=upload["Key"], UploadId=upload["UploadId"])
        .get("Parts", [])
    }
    aws.fault, before = lambda request: None, len(aws.seen)
    assert typed(push, registry) == 0
    again = [each for each in aws.seen[before:] if "partNumber=" in each.target]
    assert len(again) == 6 - len(there)
    assert "Uploads" not in boto3.client("s3").list_multipart_uploads(Bucket="bucket")
    assert typed(pull, tmp_path / "b" / "registry") == 0
    pulled = tmp_path / "b" / "adapters" / "dpo-x"
    assert contents(pulled) == contents(registry.parent / "adapters" / "dpo-x")


def test_a_pull_that_is_killed_goes_on_and_is_no_adapter_before(aws, tmp_path):
    registry = repository(tmp_path / "a", size=9 * parts.PART + 1)
    assert typed(push, registry) == 0
    there, processes, asked = tmp_path / "b" / "registry", [], []

    def kill(request):
        if request.method == "GET" and "safetensors" in request.target:
            asked.append(request.headers["Range"])
            if len(asked) == 10:
                processes[0].send_signal(signal.SIGKILL)
        return

    aws.fault = kill
    processes.append(child("models.pull", there))
    assert processes[0].wait(60) == -signal.SIGKILL
    assert not (tmp_path / "b" / "adapters" / "dpo-x").exists()
    assert not (there / "dpo-x.toml").exists()
    (note,) = (tmp_path / "b" / "adapters").rglob(".*.parts")
    done = len(note.read_text().splitlines()) - 1
    assert done >= 2
    asked.clear()
    aws.fault = lambda request: asked.append(request.target) if "Range" in request.headers else None
    assert typed(pull, there) == 0
    assert len([each for each in asked if "safetensors" in each]) == 10 - done
    pulled = tmp_path / "b" / "adapters" / "dpo-x"
    assert contents(pulled) == contents(registry.parent / "adapters" / "dpo-x")
    assert not list((tmp_path / "b").rglob(".*"))


def test_bytes_that_a_crash_left_wrong_are_fetched_again(aws, tmp_path):
    registry = repository(tmp_path, size=3 * parts.PART)
    source = registry.parent / "adapters" / "dpo-x" / "adapter_model.safetensors"
    client, target = boto3.client("s3"), tmp_path / "w"
    client.upload_file(str(source), "bucket", "w")
    head = client.head_object(Bucket="bucket", Key="w")
    (tmp_path / ".w.part").write_bytes(b"\0" * source.stat().st_size)
    about = f"{head['ETag']} {head['ContentLength']} {parts.PART}"
    (tmp_path / ".w.parts").write_text(f"{about}\n1\n2\n")
    fetching.fetch(client, "bucket", "w", target, measured.measure(source).sha256)
    assert target.read_bytes() == source.read_bytes()


def test_a_connection_that_breaks_amid_a_part_is_no_end(aws, tmp_path):
    registry = repository(tmp_path / "a", size=MB)
    assert typed(push, registry) == 0
    cut = []

    def short(request, body):
        if "safetensors" in request.target and request.method == "GET" and not cut:
            cut.append(1)
            return body[:1000]
        return body

    aws.altered = short
    assert typed(pull, tmp_path / "b" / "registry") == 0
    assert cut


def test_an_object_of_another_digest_is_refused_and_nothing_is_lost(aws, tmp_path, said):
    assert typed(push, repository(tmp_path / "a")) == 0
    key = next(key for key in keys() if key.endswith("safetensors"))
    boto3.client("s3").put_object(Bucket="bucket", Key=key, Body=b"x" * 1000)
    there = tmp_path / "b" / "registry"
    line = said(typed(pull, there))
    assert f"s3://bucket/{key} is not what its index says" in line
    assert not (there.parent / "adapters" / "dpo-x").exists() and not there.exists()
    # ... and whoever has the model mends it by pushing again.
    assert typed(push, tmp_path / "a" / "models" / "registry") == 0
    assert typed(pull, there) == 0


def test_without_an_index_there_is_nothing(aws, tmp_path, said):
    assert typed(push, repository(tmp_path / "a")) == 0
    boto3.client("s3").delete_object(Bucket="bucket", Key="team/dpo-x/index.json")
    line = said(typed(pull, tmp_path / "b" / "registry"))
    assert "dpo-x was not pushed to s3://bucket/team, or not all of it" in line


def test_a_name_that_was_not_pushed_is_told_the_nearest(aws, tmp_path, said):
    assert typed(push, repository(tmp_path)) == 0
    assert "did you mean dpo-x?" in said(typed(pull, tmp_path / "b" / "registry", name="dpo-y"))


@pytest.mark.parametrize("door", [push, pull])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(403, "AccessDenied"), "access denied"),
        (Fault(404, "NoSuchBucket"), "there is no such bucket"),
        (Fault(400, "ExpiredToken"), "renew them"),
        (Fault(301, "PermanentRedirect"), "another region"),
        (Fault(503, "SlowDown"), "asked too often"),
        (Fault(0), "cannot be reached"),
    ],
    ids=lambda each: getattr(each, "code", None),
)
def test_what_aws_refuses_is_one_line(aws, tmp_path, said, door, fault, words):
    registry = repository(tmp_path)
    # Of a bucket elsewhere the head says where, if one may know.
    aws.fault = lambda each: Fault(403) if each.method == "HEAD" else fault
    before = contents(tmp_path / "models")
    assert words in said(typed(door, registry))
    assert contents(tmp_path / "models") == before


def test_without_the_right_to_write_it_is_said_what_cannot_be_written(aws, tmp_path, said):
    aws.fault = lambda request: Fault(403, "AccessDenied") if request.method == "PUT" else None
    assert "cannot be written: access denied" in said(typed(push, repository(tmp_path)))


def test_a_full_disk_stops_before_the_first_byte_and_goes_on_later(
    aws, tmp_path, said, monkeypatch
):
    registry = repository(tmp_path / "a", size=MB)
    assert typed(push, registry) == 0
    there = tmp_path / "b" / "registry"
    usage = fetching.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: usage._replace(free=5))
    assert "has 0 MB left" in said(typed(pull, there))

    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.undo()
    for name, value in environment(aws, BAR_EXAM_STATE=str(tmp_path / "state")).items():
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as patch:
        patch.setattr(fetching.os, "pwrite", full)
        line = said(typed(pull, there))
    assert "No space left on device; free some space, and the same line goes on" in line
    assert not (there.parent / "adapters" / "dpo-x").exists()
    assert typed(pull, there) == 0


def test_nothing_that_is_here_is_replaced_by_a_pull(aws, tmp_path, said):
    assert typed(push, repository(tmp_path / "a")) == 0
    here = repository(tmp_path / "b", seed=2)
    before = contents(tmp_path / "b")
    assert "is another adapter, and is not replaced" in said(typed(pull, here))
    (here / "dpo-x.toml").write_text('kind = "echo"\n')
    assert "says otherwise than the entry" in said(typed(pull, here))
    (here / "dpo-x.toml").unlink()
    assert "is another adapter" in said(typed(pull, here))
    del before["models/registry/dpo-x.toml"]
    assert contents(tmp_path / "b") == before


def test_an_adapter_leaves_only_where_a_line_lets_its_data_sets_go(aws, tmp_path, said):
    registry = repository(tmp_path)
    # This machine needs no line; a server elsewhere does.
    os.environ["AWS_ENDPOINT_URL"] = "https://s3.eu-west-1.amazonaws.com"
    manifest = Manifest(contracts=(), cases=(), datasets=["clients"])
    write_manifest(registry.parent / "adapters" / "dpo-x", manifest)
    entry = registry / "dpo-x.toml"
    entry.write_text("\n".join(entry.read_text().split("\n")[:-2]) + "\n")
    line = said(typed(push, registry, place="s3://elsewhere/x"))
    assert 'policy.toml: "clients" = ["elsewhere.s3.amazonaws.com"]' in line


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("nobody", None, "nobody: not in"),
        ("an-echo", 'kind = "echo"\n', "no files of its own"),
        ("../x", None, "no path"),
    ],
)
def test_what_is_no_model_with_files_is_refused(aws, tmp_path, said, name, text, words):
    registry = repository(tmp_path)
    if text:
        (registry / f"{name}.toml").write_text(text)
    assert words in said(typed(push, registry, name=name))
    assert keys() == []


def test_a_pickle_goes_nowhere(aws, tmp_path, said):
    registry = repository(tmp_path)
    (registry.parent / "adapters" / "dpo-x" / "training_args.bin").write_bytes(b"x")
    assert "training_args.bin" in said(typed(push, registry))
    assert keys() == []


def test_what_comes_is_private_and_what_is_sent_is_asked_to_be_seen_by_nobody(aws, tmp_path):
    registry = repository(tmp_path / "a")
    assert typed(push, registry) == 0
    assert not any("x-amz-acl" in {k.lower() for k in each.headers} for each in aws.seen)
    state = tmp_path / "state" / "left.jsonl"
    assert state.stat().st_mode & 0o007 == 0 and state.parent.stat().st_mode & 0o007 == 0
    assert "testing" not in state.read_text()


def by_address(registry, place, digest):
    """The entry, naming its adapter in S3."""
    entry = registry / "dpo-x.toml"
    entry.write_text(
        f'kind = "local"\nbase = "embedded:smollm2"\nadapter = "{place}"\ndigest = "{digest}"\n'
    )


def test_an_entry_names_an_adapter_in_s3_which_is_pulled_once(aws, tmp_path, capsys):
    here = repository(tmp_path / "a")
    assert typed(push, here) == 0
    there = repository(tmp_path / "b", seed=2)
    by_address(there, f"{TO}/dpo-x", digest_of(capsys))
    asked = len(aws.seen)
    read_entry("dpo-x", there)
    assert len(aws.seen) == asked
    adapter = adapter_of("dpo-x", there)
    assert contents(adapter) == contents(here.parent / "adapters" / "dpo-x")
    assert files_of("dpo-x", there) == (there / "dpo-x.toml", adapter)
    aws.fault = lambda request: Fault(403, "AccessDenied")
    assert adapter_of("dpo-x", there) == adapter
    assert (tmp_path / "cache").stat().st_mode & 0o007 == 0


def test_a_model_is_its_files_and_not_their_place(aws, tmp_path, capsys, tiny_base, tiny_adapters):
    registry = repository(tmp_path)
    lines = f'kind = "local"\nbase = "{tiny_base}"\n'
    (registry / "near.toml").write_text(f'{lines}adapter = "{tiny_adapters[0]}"\n')
    assert typed(push, registry, name="near") == 0
    address = f'adapter = "{TO}/near"\ndigest = "{digest_of(capsys)}"\n'
    (registry / "far.toml").write_text(lines + address)
    near, far = open_models(["near", "far"], registry)
    assert promotion_identity(near) == promotion_identity(far)
    assert components_of(near, registry) == components_of(far, registry)
    # ... and what came by way of S3 can be pushed on.
    assert typed(push, registry, name="far", place="s3://bucket/others") == 0


def test_where_its_adapter_cannot_be_pulled_a_model_is_not_opened(aws, tmp_path, smollm2):
    registry = repository(tmp_path)
    (registry / "far.toml").write_text(
        f'kind = "local"\nbase = "{smollm2}"\nadapter = "{TO}/far"\ndigest = "{"0" * 64}"\n'
    )
    with pytest.raises(UserError, match=r"the adapter s3://bucket/team/far cannot be pulled"):
        open_models(["far"], registry)


def compiled(folder, name="rag-x"):
    """A registry with a compiled program, and its manifest."""
    home, registry = folder / "models" / "programs" / name, folder / "models" / "registry"
    home.mkdir(parents=True)
    registry.mkdir(exist_ok=True)
    (home / "program.json").write_text("{}")
    digest = measured.measure(write_manifest(home, Manifest(contracts=(), cases=()))).sha256
    (registry / "says.toml").write_text('kind = "echo"\n')
    (registry / f"{name}.toml").write_text(
        'kind = "program"\nprogram = "rag"\ngenerator = "says"\n'
        f'compiled = "../programs/{name}/program.json"\nmanifest = "{digest}"\n'
    )
    (registry.parent / "policy.toml").write_text(permissive("a" * 64, "d" * 64))
    return registry


def test_a_compiled_program_travels_like_an_adapter(aws, tmp_path):
    here, there = compiled(tmp_path / "a"), tmp_path / "b" / "models" / "registry"
    assert typed(push, here, name="rag-x") == 0
    assert typed(pull, there, name="rag-x") == 0
    entry = read_entry("rag-x", there)
    assert entry.compiled == there.parent / "adapters" / "rag-x" / "program.json"
    assert contents(entry.compiled.parent) == contents(here.parent / "programs" / "rag-x")
    assert typed(pull, there, name="rag-x") == 0


def test_two_processes_that_pull_at_once_fetch_once(aws, tmp_path, capsys):
    here = repository(tmp_path / "a", size=2 * parts.PART)
    assert typed(push, here) == 0
    by_address(here, f"{TO}/dpo-x", digest_of(capsys))
    script = (
        "import sys; from pathlib import Path; from models.registry import adapter_of;"
        "print(adapter_of('dpo-x', Path(sys.argv[1])))"
    )
    line = [sys.executable, "-c", script, str(here)]
    before = len(aws.seen)
    both = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    (one, _), (two, _) = [each.communicate(timeout=60) for each in both]
    assert one == two and [each.returncode for each in both] == [0, 0]
    ranges = [each.headers["Range"] for each in aws.seen[before:] if "Range" in each.headers]
    assert len(ranges) == 2 + 4


def test_an_entry_s_adapter_that_is_another_is_one_line(aws, tmp_path, capsys):
    here = repository(tmp_path)
    assert typed(push, here) == 0
    by_address(here, f"{TO}/dpo-x", "0" * 64)
    with pytest.raises(UserError, match="cannot be pulled: its digest is") as caught:
        adapter_folder(read_entry("dpo-x", here))
    assert "\n" not in str(caught.value)
    by_address(here, f"{TO}/gone", "0" * 64)
    with pytest.raises(UserError, match="cannot be pulled: nothing was pushed there"):
        adapter_folder(read_entry("dpo-x", here))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('adapter = "s3://bucket/team/x"', "go together"),
        (f'adapter = "../adapters/x"\ndigest = "{"0" * 64}"', "go together"),
        (f'adapter = "s3://bucket"\ndigest = "{"0" * 64}"', "is a bucket"),
        (f'adapter = "s3://B?/x"\ndigest = "{"0" * 64}"', "no place in S3"),
        ("adapter = 3", "a folder, or s3://"),
    ],
)
def test_an_address_that_cannot_be_is_refused_where_it_stands(tmp_path, lines, words):
    (tmp_path / "m.toml").write_text(f'kind = "local"\nbase = "b/b"\n{lines}\n')
    with pytest.raises(UserError, match=rf"m\.toml: .*{words}"):
        read_entry("m", tmp_path)


NAMES = st.text(st.sampled_from("ab./\\:\0 é"), min_size=0, max_size=8)


@given(NAMES)
def test_no_index_leads_out_of_its_folder(name):
    content = json.dumps({"files": [{"name": name, "size": 1, "sha256": "0" * 64}]}).encode()
    try:
        (file,) = read_index("x", content).files
    except UserError:
        return
    inside = Path("/folder")
    assert inside in Path(os.path.normpath(inside / file.name)).parents


@given(st.binary(max_size=60))
def test_whatever_lies_at_an_index_is_one_line(content):
    with pytest.raises(UserError) as caught:
        read_index("s3://b/index.json", content)
    assert "\n" not in str(caught.value)


@given(st.integers(0, 3 * parts.PART))
def test_parts_cover_a_file_once(size):
    cut = list(parts.ranges(size))
    assert [part[0] for part in cut] == list(range(1, len(cut) + 1))
    assert [part[1] for part in cut[1:]] == [part[1] + part[2] for part in cut[:-1]]
    assert sum(part[2] for part in cut) == size


def test_an_index_is_of_contents_and_names_alone(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_text("1")
    os.utime(tmp_path / "a" / "x", (1, 1))
    first, second = (Index.of({"x": tmp_path / each / "x"}) for each in "ab")
    assert first.digest == second.digest != Index.of({"y": tmp_path / "a" / "x"}).digest


def test_a_file_that_changes_while_it_is_sent_is_not_there(aws, tmp_path, said, monkeypatch):
    registry = repository(tmp_path)
    weights = registry.parent / "adapters" / "dpo-x" / "adapter_model.safetensors"
    measure = sending.measure

    def changed(file):
        found = measure(file)
        if file == weights:
            weights.write_bytes(b"other")
        return found

    monkeypatch.setattr(sending, "measure", changed)
    assert "changed while it was sent" in said(typed(push, registry))
    assert not any(key.endswith("index.json") for key in keys())


def test_nothing_is_made_that_cannot_be_listed(aws, tmp_path, said, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BAR_EXAM_STATE", str(tmp_path / "file"))
    assert "cannot be written" in said(typed(push, repository(tmp_path)))
    assert keys() == []


def test_a_champion_whose_adapter_lies_in_s3_is_verified_from_there(
    aws, tmp_path, capsys, tiny_base, tiny_adapters
):
    """Pulled anew where the cache is gone, and found out where what is cached is another."""
    near = tmp_path / "near"
    registry = repository(near)
    adapter = near / "models" / "adapters" / "dpo-x"
    shutil.copytree(tiny_adapters[0], adapter, dirs_exist_ok=True)
    entry = registry / "dpo-x.toml"
    entry.write_text(entry.read_text().replace("embedded:smollm2", str(tiny_base)))
    assert typed(push, registry) == 0
    digest = digest_of(capsys)
    manifest = entry.read_text().partition('manifest = "')[2][:64]
    place = make_place(tmp_path / "far", "champion")
    (place.registry / "champion.toml").write_text(
        f'kind = "local"\nstatus = "candidate"\nbase = "{tiny_base}"\n'
        f'adapter = "{TO}/dpo-x"\ndigest = "{digest}"\nmanifest = "{manifest}"\n'
    )
    dynasty(place, "champion")

    def verified():
        where = {"registry": place.registry, "runs": place.runs, "folder": place.folder}
        typed = [word for name, path in where.items() for word in (f"--{name}", str(path))]
        code = promote.main(["--verify", *typed])
        return code, "".join(capsys.readouterr())

    assert verified()[0] == 0
    shutil.rmtree(tmp_path / "cache")
    code, said = verified()
    assert code == 0 and "pulling s3://bucket/team/dpo-x" in said
    assert "champion is what was promoted" in said
    shutil.rmtree(tmp_path / "cache")
    aws.fault = lambda request: Fault(403, "AccessDenied")
    code, said = verified()
    assert code == 0 and "not checked whether champion is still what was promoted" in said
    aws.fault = lambda request: None
    assert verified()[0] == 0
    (weights,) = (tmp_path / "cache" / "pulled" / digest).rglob("adapter_model.safetensors")
    weights.write_bytes((tiny_adapters[1] / weights.name).read_bytes())
    code, said = verified()
    assert code == 1 and "is what was promoted" not in said
