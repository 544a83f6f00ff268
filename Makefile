PYTHON ?= python3
OUT ?= results/quickstart
BENCH ?=
BIN := .venv/bin

.PHONY: quickstart test test-slow cluster notebooks bench lint clean

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

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info
