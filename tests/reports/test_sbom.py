"""The bill of materials: every distribution once, in a form that CycloneDX's own schema takes."""

import json
from importlib import metadata

import pytest

from reports.dossier.sbom import listed_versions, other_versions, sbom


def distribution(folder, *lines):
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("\n".join(("Metadata-Version: 2.4", *lines)))
    return metadata.Distribution.at(folder)


def test_what_is_installed_is_listed_once_with_its_version():
    bill = sbom()
    names = [each["name"] for each in bill["components"]]
    assert len({each["bom-ref"] for each in bill["components"]}) == len(names) > 100
    versions = listed_versions(bill)
    for name in ("pydantic", "pytest", "torch", "scikit-learn"):
        assert versions[name] == metadata.version(name)
    assert other_versions(bill, {"torch": metadata.version("torch")}) == []
    assert other_versions(bill, {"torch": "0.1", "gone": "2"}) == [
        "gone 2, not installed", f"torch 0.1, not {versions['torch']}"
    ]  # fmt: skip
    assert json.dumps(sbom()) == json.dumps(bill)


def test_licences_are_told_as_the_distribution_tells_them(tmp_path):
    found = [
        distribution(tmp_path / "a", "Name: A.b_c", "Version: 1", "License-Expression: MIT"),
        distribution(tmp_path / "b", "Name: b", "Version: 2", "License: BSD\n  of many\n  lines"),
        distribution(
            tmp_path / "c", "Name: c", "Version: 3", "Classifier: License :: OSI Approved :: MIT"
        ),
        distribution(tmp_path / "d", "Name: a-b-c", "Version: 9"),
        distribution(tmp_path / "e", "Name: half-removed"),
    ]
    python, *listed = sbom(found)["components"]
    assert python["type"] == "platform"
    assert [each["purl"] for each in listed] == ["pkg:pypi/a-b-c@1", "pkg:pypi/b@2", "pkg:pypi/c@3"]
    assert [each.get("licenses") for each in listed] == [
        [{"expression": "MIT"}], None, [{"license": {"name": "MIT"}}]
    ]  # fmt: skip


@pytest.mark.parametrize("bill", [{}, [], {"bomFormat": "SPDX", "specVersion": "1.6"}, None])
def test_what_is_no_bill_is_said_to_be_none(bill):
    with pytest.raises(ValueError, match="it "):
        listed_versions(bill)


def test_the_schema_of_cyclonedx_takes_it():
    pytest.importorskip("cyclonedx", reason="pip install cyclonedx-python-lib[json-validation]")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(sbom())) is None
    assert validator.validate_str(json.dumps({**sbom(), "version": "one"})) is not None
