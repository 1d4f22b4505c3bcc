"""What is installed here, as a software bill of materials: CycloneDX 1.6, in JSON.

Names, versions and licences as each distribution states them, without time, place or number of its
own: the same environment makes the same bytes. It is one document of a few keys, so no library
writes it (docs/decisions/0042-evidence-is-checked-where-nothing-is.md).
"""

import platform
import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any

from common.redaction import outward

SPEC = "1.6"
LONGEST = 100
"""Characters of a licence's name: some distributions put the whole licence there."""


def sbom(found: Iterable[metadata.Distribution] | None = None) -> dict[str, Any]:
    """The distributions of this environment, and the Python that runs them.

    Args:
        found: the distributions; None takes the environment's.
    """
    components: dict[str, dict[str, Any]] = {}
    for each in metadata.distributions() if found is None else found:
        said: Mapping[str, Any] = each.metadata.json
        if said.get("name") and said.get("version"):  # neither is left of one half removed
            components.setdefault(_normalized(said["name"]), _component(said))
    python = {"type": "platform", "bom-ref": "python", "name": "python"}
    listed = [components[name] for name in sorted(components)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "components": [{**python, "version": platform.python_version()}, *listed],
    }


def listed_versions(bill: Mapping[str, Any]) -> dict[str, str]:
    """Version by normalized name of what a bill lists.

    Raises:
        ValueError: it is no such bill.
    """
    try:
        if (bill["bomFormat"], bill["specVersion"]) != ("CycloneDX", SPEC):
            raise ValueError(f"it is not CycloneDX {SPEC}")
        return {_normalized(each["name"]): str(each["version"]) for each in bill["components"]}
    except (LookupError, TypeError) as error:
        raise ValueError("it lists no components with names and versions") from error


def other_versions(bill: Mapping[str, Any], packages: Mapping[str, Any]) -> list[str]:
    """Where an exam noted another version than a bill lists, as in "torch 2.12.0, not 2.13.0".

    Raises:
        ValueError: it is no bill.
    """
    here = listed_versions(bill)
    return [
        f"{name} {version}, not {here.get(_normalized(name), 'installed')}"
        for name, version in sorted(packages.items())
        if here.get(_normalized(name)) != version
    ]


def _normalized(name: str) -> str:
    """As the package index compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _component(said: Mapping[str, Any]) -> dict[str, Any]:
    name, version = said["name"], said["version"]
    reference = f"pkg:pypi/{_normalized(name)}@{version}"
    found = {"type": "library", "bom-ref": reference, "name": name, "version": version}
    licence = _licence(said)
    return {**found, "purl": reference, **({"licenses": [licence]} if licence else {})}


def _licence(said: Mapping[str, Any]) -> dict[str, Any] | None:
    """An SPDX expression (PEP 639), else the name that the distribution gives."""
    if expression := said.get("license_expression"):
        return {"expression": outward(expression)}
    listed = [each for each in said.get("classifier", ()) if each.startswith("License ::")]
    named = next((each.split("::")[-1].strip() for each in listed), "")
    text = said.get("license", "").strip() or named
    short = bool(text) and "\n" not in text and len(text) <= LONGEST
    return {"license": {"name": outward(text)}} if short else None
