# Everything a newcomer needs: `make demo`, `make test`, `make check`, `make bench`, `make compat`.
PYTHON ?= python3
VENV ?= .venv
ARGS ?=
# Tests wait more than they compute, but each real cluster takes a core while it starts: one process a core.
TEST_PROCESSES ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
TOOLS := PATH="$(CURDIR)/$(BIN):$$PATH"
COMPAT := .venv-compat
OLDEST_RAY := 2.49.2
# Against the oldest Ray: jobs, submission, following, console and command line on a head of that version.
COMPAT_TESTS := tests/unit/jobs tests/unit/test_dashboard.py tests/live/test_processing_job.py \
	tests/live/test_log_follow.py tests/live/test_clustering_versions.py tests/live/front_ends tests/live/test_why.py \
	tests/live/test_serve_figures.py tests/unit/test_packaging.py tests/unit/test_submit_cut.py tests/unit/test_submission.py

# Says "good", or which of the two things that a venv needs is missing.
LOOK := import sys, importlib.util as u; \
	print("python" if sys.version_info < (3, 11) else "good" if u.find_spec("venv") and u.find_spec("ensurepip") \
	else "python%d.%d-venv" % sys.version_info[:2])
FOUND = $(shell $(PYTHON) -c '$(LOOK)' 2>/dev/null)

.PHONY: demo test check bench compat clean

demo: $(VENV)/.compiled
	@$(TOOLS) $(BIN)/raydeck demo $(ARGS)

test: $(VENV)/.ready-dev $(VENV)/.compiled
	@$(TOOLS) $(BIN)/python -m pytest -m "not bench" -n $(TEST_PROCESSES) --dist loadgroup --no-loadscope-reorder $(ARGS)

check: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/.ready-dev $(VENV)/.compiled
	@$(TOOLS) $(BIN)/python -m pytest tests/benchmarks -m bench -s $(ARGS)

compat: $(COMPAT)/.ready-compat $(VENV)/.ready
	@PATH="$(CURDIR)/$(COMPAT)/bin:$$PATH" RAYDECK_OTHER_RAY="$(CURDIR)/$(BIN)/python" $(COMPAT)/bin/python -m pytest \
		-m "not bench" -n $(TEST_PROCESSES) --dist loadgroup --no-loadscope-reorder $(COMPAT_TESTS) $(ARGS)

# A stamp and not the interpreter: an interrupted `venv` leaves one without pip, and is repaired by the next.
%/.made:
	$(if $(FOUND),,$(error raydeck: no $(PYTHON) here; install Python 3.11 or newer, or name yours: make PYTHON=…))
	$(if $(filter python,$(FOUND)),$(error raydeck: $(PYTHON) is too old: 3.11 or newer is needed, make PYTHON=python3.11))
	$(if $(filter-out good,$(FOUND)),$(error raydeck: $(PYTHON) lacks its venv module: apt-get install $(FOUND)))
	@$(PYTHON) -m venv $*
	@touch $@

$(VENV)/.ready: $(VENV)/.made pyproject.toml constraints.txt
	@echo "raydeck: installing Ray and what else it needs into $(VENV), this once" >&2
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	@echo "raydeck: installing what the tests need into $(VENV), this once" >&2
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

# The start is four times as slow without compiled files, which an editable installation does not bring.
$(VENV)/.compiled: $(VENV)/.ready $(shell find console -name '*.py')
	@$(BIN)/python -m compileall -q console
	@touch $@

# Serve of this Ray fails with protobuf 7.
$(COMPAT)/.ready-compat: $(COMPAT)/.made Makefile pyproject.toml constraints.txt
	@echo "raydeck: installing Ray $(OLDEST_RAY) into $(COMPAT), this once" >&2
	@sed 's/^ray==.*/ray==$(OLDEST_RAY)/; s/^protobuf==.*/protobuf<7/' constraints.txt > $(COMPAT)/constraints.txt
	@$(COMPAT)/bin/python -m pip --disable-pip-version-check --quiet install -c $(COMPAT)/constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) $(COMPAT) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
