PYTHON ?= python3
OUT ?= results/quickstart
REPRODUCED ?= results/procedural_reproduced
BENCH ?=
SOAK ?=
FUZZ ?=
LOWEST_PYTHON ?= python3.10
NOTEBOOKS ?=
BIN := .venv/bin
FUZZ_PYTHON ?= $(BIN)/python
# For which Python .venv was made; another Python makes it anew.
READY := .venv/ready-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')

.PHONY: quickstart reproduce test test-long test-slow test-lowest cluster notebooks notebook-outputs docs bench soak fuzz lint clean

quickstart: $(READY)
	$(BIN)/kbsc run sims/quickstart.yaml --out $(OUT)

# Points of the results that need no data, computed again.
reproduce: $(READY)
	$(BIN)/kbsc reproduce results/procedural --points 3 --out $(REPRODUCED)

# A worker holds up to some 4 GB of what TensorFlow has compiled.
test: $(READY)
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal

# What takes several seconds a test: CI runs it too.
test-long: $(READY)
	$(BIN)/python -m pytest -m 'long and not slow' -n logical --maxprocesses 4 --dist worksteal --durations=40

notebooks: $(READY)
	$(BIN)/python -m pytest tests/test_notebooks.py -m 'slow or not slow' --durations=0

# Runs notebooks, all unless NOTEBOOKS="NAME ...", and keeps what they show for the site.
notebook-outputs: $(READY)
	$(BIN)/python docs/extensions/notebook_outputs.py $(NOTEBOOKS)

# The site, into docs/_build/html; a warning is an error. KBSC_DOCS_REPOSITORY=owner/name adds links to Colab.
docs: $(READY)-docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

# The fast tests with the lowest versions that pyproject.toml allows, on the lowest Python; uv reads them from there.
test-lowest: .venv-lowest/ready
	.venv-lowest/bin/python -m pytest -m 'not slow' -n logical --maxprocesses 4 --dist worksteal

# Ray on three nodes of this machine, of which one is killed.
cluster: $(READY)
	$(BIN)/python -m pytest tests/sweep/test_ray_cluster.py -m slow

bench: $(READY)
	$(BIN)/python sims/bench.py $(BENCH)

soak: $(READY)
	$(BIN)/python sims/soak.py $(SOAK)

# Needs atheris: FUZZ_PYTHON names a Python that has it and the package.
fuzz: $(READY)
	$(FUZZ_PYTHON) tests/fuzz/guided.py $(FUZZ)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(READY): pyproject.toml constraints.txt
	test -e $@ || $(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

$(READY)-docs: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

.venv-lowest/ready: pyproject.toml
	$(LOWEST_PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct \
		-e '.[test,tensorboard]'
	touch $@

clean:
	rm -rf .venv .venv-lowest docs/_build build dist *.egg-info
