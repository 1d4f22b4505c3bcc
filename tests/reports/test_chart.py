"""A chart: lean, the same bytes, in the colours of the page, and with its words."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

from reports.charts.chart import DARK, LIGHT, draw, place
from reports.html.drawing import STYLE
from tests.seams import ROOT

ODD = "<script>alert(1)</script> ]]> \"'& $x_1$ #22211e ✓"


def paint(figure):
    axes = place(figure, 40, 20, 300, 100)
    axes.plot([0, 1], [0, 1], marker="o", color=LIGHT["s1"])
    axes.set_title(ODD)


def test_a_chart_is_the_same_bytes_in_the_colours_of_the_page():
    chart = draw(paint, 160, ODD, f"{ODD}\nline")
    assert chart == draw(paint, 160, ODD, f"{ODD}\nline")
    root = ElementTree.fromstring(chart.svg)
    assert root.get("aria-label") == ODD and root.get("role") == "img"
    texts = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert ODD in texts and "script" not in {each.tag.split("}")[1] for each in root.iter()}
    styles = " ".join(each.get("style", "") for each in root.iter())
    assert "#" not in styles and "font-family" not in styles
    assert {"ink", "quiet", "line", "s1"} == set(re.findall(r"var\(--(\w+)\)", styles))
    assert len(chart.svg) < 4000


def test_alone_it_brings_its_colours_and_its_words():
    chart = draw(paint, 160, "Two points", ODD)
    root = ElementTree.fromstring(chart.alone)
    assert root.get("aria-label") == ODD
    style = root.find("{http://www.w3.org/2000/svg}style").text
    light, dark = style.split("@media(prefers-color-scheme:dark)")
    for name in LIGHT:
        assert f"--{name}:{LIGHT[name]};" in light and f"--{name}:{DARK[name]};" in dark


def test_every_colour_of_a_chart_is_one_of_the_page():
    assert len(set(LIGHT.values())) == len(LIGHT) and LIGHT.keys() == DARK.keys()
    screen, printed = STYLE.read_text().split("@media print")
    light, dark = screen.split("prefers-color-scheme: dark", 1)
    for colours, css in ((LIGHT, light), (DARK, dark)):
        for name, colour in colours.items():
            assert re.findall(rf"--{name}: (#\w+);", css)[:1] == [colour], name
    for name in LIGHT:
        assert re.search(rf"--{name}: #\w+[;\s]", printed), name


def test_a_home_that_cannot_be_written_is_no_noise():
    code = """
from tests.builders.chart_data import examined, shares
from reports.charts.charts import charts_of
made = charts_of(examined({"new": shares(0.5), "old": shares(0.6)}, champion="old"))
print(len(made.contracts[0].svg) > 1000)
"""
    environment = {**os.environ, "MPLCONFIGDIR": os.devnull + "/none"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
