"""The clone's entrance: `pytest evals` examines by the product's plugin."""

pytest_plugins = ["bar_exam.plugin"]
