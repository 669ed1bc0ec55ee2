# make demo    sets up, runs the main job on the embedded default, opens on a report
# make test    sets up, passes the tests
# make check   style, types, and which package may import which
# make docs    builds the documentation as build/docs/index.html; a warning is an error
# make results runs the committed studies again (hours)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	-c constraints.txt

# Where it is set, every process compiles anew all that it imports: 20 s instead of 7 of lightning.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test check docs results clean

setup: $(VENV)/.installed

# Two steps: the index with PyTorch's CPU build is pip's to find, and comes before all else. Python
# compiles what is imported, which is a small part of what is installed.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch
	$(INSTALL) -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/python train.py -m window.start=0,0.15,0.3

test: setup  # threads of numpy's would wait for each other's turn beside other tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

docs: $(VENV)/.docs
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet \
		-d build/doctrees docs build/docs

$(VENV)/.docs: $(VENV)/.installed
	$(INSTALL) -e '.[docs]'
	touch $@

results: setup
	$(BIN)/python docs/results/run.py

clean:
	rm -rf $(VENV) build dist *.egg-info
