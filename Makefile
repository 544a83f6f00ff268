PYTHON ?= python3
OUT ?= results/quickstart
BENCH ?=
SOAK ?=
FUZZ ?=
BIN := .venv/bin
FUZZ_PYTHON ?= $(BIN)/python

.PHONY: quickstart test test-slow cluster notebooks bench soak fuzz lint clean

quickstart: .venv/ready
	$(BIN)/kbsc run sims/quickstart.yaml --out $(OUT)

# A worker holds up to some 4 GB of what TensorFlow has compiled.
test: .venv/ready
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal

notebooks: .venv/ready
	$(BIN)/python -m pytest tests/test_notebooks.py -m 'slow or not slow' --durations=0

test-slow: .venv/ready
	$(BIN)/python -m pytest -m slow

# Ray on three nodes of this machine, of which one is killed.
cluster: .venv/ready
	$(BIN)/python -m pytest tests/sweep/test_ray_cluster.py -m slow

bench: .venv/ready
	$(BIN)/python sims/bench.py $(BENCH)

soak: .venv/ready
	$(BIN)/python sims/soak.py $(SOAK)

# Needs atheris: FUZZ_PYTHON names a Python that has it and the package.
fuzz: .venv/ready
	$(FUZZ_PYTHON) tests/fuzz/guided.py $(FUZZ)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info
