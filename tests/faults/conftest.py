"""Every test of a fault says which, and which public fault of another tool it tries."""

import json

import pytest


@pytest.fixture(autouse=True)
def _say_what_is_tried(request, record_property):
    for mark in request.node.iter_markers("fault"):
        for identifier in mark.args:
            record_property("fault", identifier)
    for mark in request.node.iter_markers("peer"):
        record_property("peer", json.dumps(mark.args))
