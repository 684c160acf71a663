# The one door: `make help` lists what there is. Every target sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCALE := src/conversa_calendar/locale
DIST := src/conversa_calendar/dashboard/static/dist/manifest.json

.PHONY: help demo demo-reset test setup ready frontend fmt lint types unit browser golden messages openapi bench simulate shrink soak endurance planted kill-sweep emulator-coverage clean mutants

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo: setup ## the product, the emulated Google and a small company, until Ctrl-C
	@$(BIN)/python -m conversa_calendar.cli.demo

demo-reset: setup ## start the demo over
	@$(BIN)/python -m conversa_calendar.cli.demo reset

test: setup ## everything that CI checks
	@$(MAKE) --no-print-directory lint types
	@$(BIN)/python tools/test.py

unit: setup ## the tests without browser and processes
	@$(BIN)/python -m pytest -q -m "not browser and not processes"

browser: setup ## the tests in a real Chromium
	@$(BIN)/python -m pytest -q -m browser

fmt: setup ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: setup ## style, imports, vocabulary
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/python tools/emulator_coverage.py --check

types: setup ## static types of Python and TypeScript
	@DATABASE_URL=postgresql://unused/unused $(BIN)/mypy && $(BIN)/python tools/build_frontend.py --check

golden: setup ## write decisions and scenarios down anew from the code; read the difference before you keep it
	@$(BIN)/python -m tests.support.decisions
	@GOLDEN=1 $(BIN)/python -m pytest -q tests/sync/test_scenarios.py
	@git diff --stat -- docs/sync tests/scenarios

mutants: setup ## change one thing at a time in what decides; prints killed/all
	@$(BIN)/python tools/mutants.py

messages: setup ## bring the catalogues of texts in step with the code; fill in what it lists
	@$(BIN)/python tools/build_locale.py --update

openapi: setup ## bring docs/openapi.json and the tables of docs/api.md in step with the API; refuses what would break clients of v1
	@$(BIN)/python tools/openapi.py --write && $(BIN)/python tools/api_guide.py --write

bench: setup ## speed as ratios to floors measured in the same run
	@$(BIN)/python -m benchmarks

simulate: setup ## replay one simulated scenario: SEED=n [MODE=…] or CONFIG='{…}' [TIMES=n]
	@$(BIN)/python -m tests.simulation --seed $(or $(SEED),1) --mode "$(MODE)" --config '$(CONFIG)' --replays $(or $(TIMES),1)

shrink: setup ## make a failing scenario small: SEED=n [MODE=…] or CONFIG='{…}'
	@$(BIN)/python -m tests.simulation --shrink --seed $(or $(SEED),1) --mode "$(MODE)" --config '$(CONFIG)'

endurance: setup ## months of virtual time: ACCOUNTS=n CALENDARS=n DAYS=n
	@$(BIN)/python -m tests.simulation --endurance $(or $(ACCOUNTS),10)x$(or $(CALENDARS),2)x$(or $(DAYS),90)

soak: setup ## simulate fresh scenarios on all cores: MINUTES=n [FIRST=seed]
	@$(BIN)/python -m tests.simulation --minutes $(or $(MINUTES),5) --first $(or $(FIRST),0)

planted: setup ## show that the simulation sees every planted bug
	@$(BIN)/python -m tests.simulation --planted

emulator-coverage: setup ## what the emulator covers, from its tests: WRITE=1 puts it into its README
	@$(BIN)/python tools/emulator_coverage.py $(if $(WRITE),--write)

kill-sweep: setup ## kill the worker at every boundary of SCENARIOS=n simulated scenarios
	@$(BIN)/python -m tests.simulation --kill-sweep $(or $(SCENARIOS),30)

setup: ## set up what is missing or out of date; a second set-up of this folder waits for the first
	@$(PYTHON) tools/one_at_a_time.py $(MAKE) --no-print-directory ready

frontend: setup

ready: $(VENV)/.ready $(DIST) $(LOCALE)/.ready
	@:

$(LOCALE)/.ready: $(VENV)/.ready $(wildcard $(LOCALE)/*/LC_MESSAGES/*.po)
	@$(BIN)/python tools/build_locale.py
	@touch $@

$(VENV)/.ready: requirements/dev.txt pyproject.toml packages/gcal_emulator/pyproject.toml
	@echo "Setting up Python …"
	@$(PYTHON) tools/setup_python.py $(VENV)

$(DIST): $(VENV)/.ready tools/build_frontend.py requirements/node.txt frontend/package-lock.json frontend/vite.config.ts $(shell find frontend/src src/conversa_calendar/dashboard/templates src/conversa_calendar/api/templates -type f 2>/dev/null)
	@echo "Building the pages' scripts and styles …"
	@$(BIN)/python tools/build_frontend.py

clean: ## remove what the targets made (not the demo's data)
	rm -rf $(VENV) frontend/node_modules src/conversa_calendar/dashboard/static/dist $(LOCALE)/.ready .cache
