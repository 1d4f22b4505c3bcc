"""What matplotlib writes as SVG, made small and fit for the middle of a page."""

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from common.storable import presentable

_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
_NUMBER = re.compile(r"-?\d+\.\d+")


def lean(written: bytes, title: str, names: Mapping[str, str]) -> str:
    """The drawing, without all that is written beside it.

    Args:
        written: an SVG of matplotlib's.
        title: what it is of.
        names: custom properties by colour.
    """
    root = ElementTree.fromstring(written)
    box = [float(each) for each in root.attrib["viewBox"].split()]
    kept = ElementTree.Element(
        "svg",
        {
            "xmlns": _SVG[1:-1], "role": "img", "aria-label": presentable(title),
            "viewBox": " ".join(f"{each:g}" for each in box),
            "width": f"{box[2]:g}", "height": f"{box[3]:g}",
        },
    )  # fmt: skip
    kept.extend(_kept(root, names))
    return ElementTree.tostring(kept, encoding="unicode")


def _kept(parent: ElementTree.Element, names: Mapping[str, str]) -> Iterator[ElementTree.Element]:
    """The shapes below an element: no metadata, no style of the whole page, no empty group."""
    for element in parent:
        name = element.tag.removeprefix(_SVG)
        if name in ("metadata", "title", "style", "clipPath"):
            continue
        style = _style(element.get("style", ""), names)
        below = list(_kept(element, names))
        if name == "g" and "opacity" not in style:
            yield from below
        elif name == "path" and style == {"fill": "none"}:
            continue
        elif name != "defs" or below:
            made = ElementTree.Element(name, dict(_attributes(element, style)))
            made.text = element.text if name == "text" else None
            made.extend(below)
            yield made


def _attributes(element: ElementTree.Element, style: dict[str, str]) -> Iterator[tuple[str, str]]:
    for key, value in element.attrib.items():
        if key in ("x", "y", "d", "width", "height"):
            rounded = _NUMBER.sub(lambda found: f"{float(found[0]):.1f}", value)
            yield key, " ".join(rounded.split())
        elif key == f"{_XLINK}href":
            yield "href", value
        elif key == "transform":
            if not value.startswith("rotate(-0 "):
                yield key, value
        elif key == "id" and element.tag == f"{_SVG}path":
            yield key, value
    if style:
        yield "style", ";".join(f"{name}:{value}" for name, value in style.items())


def _style(written: str, names: Mapping[str, str]) -> dict[str, str]:
    """Declarations, with custom properties for colours and the page's own font."""
    pairs = (each.split(":", 1) for each in written.split(";") if ":" in each)
    found = {name.strip(): value.strip() for name, value in pairs}
    return {
        name: f"var(--{names[value]})" if value in names else value
        for name, value in found.items()
        if name not in ("font-family", "stroke-linejoin")
    }
