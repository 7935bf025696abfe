# Huitou: `make run` opens the demo shop, `make empty` one without data, `make test` checks
# everything. All work on a fresh machine with Python 3.11 or newer and make.
# Choices: PORT=8000 HOST=127.0.0.1 HTTPS=1 HUITOU_DATA=folder PYTHON=python3.12

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; \
	done; echo python3)
VENV := .venv
BIN := $(VENV)/bin

# Images for containers like to set it; each of our many processes would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run empty demo-reset test lint bench screenshots reset lock messages bootstrap bootstrap-dev
.DEFAULT_GOAL := run

run: bootstrap
	@exec $(BIN)/python manage.py up

# A shop without data, for building one's own card: one login, no demo.
empty: bootstrap
	@exec $(BIN)/python manage.py up --empty

# Asks first; stops for a shop that is running. Then the demo shop opens as on its first day.
demo-reset: bootstrap
	@$(BIN)/python manage.py demo_reset $(ARGS)
	@exec $(BIN)/python manage.py up

test: lint
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

lint: bootstrap-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@$(BIN)/djlint --quiet --lint templates members loyalty campaigns analytics
	@$(BIN)/python manage.py catalogues --check

bench: bootstrap-dev
	@$(BIN)/python -m tests.bench $(ARGS)

# The pictures of the README, into docs/screenshots.
screenshots: bootstrap-dev
	@$(BIN)/python -m pytest tests/screens/shots.py -q

# Asks first; stops for a shop that is running.
reset: bootstrap
	@$(BIN)/python manage.py reset $(ARGS)

# Adds what is new to the translators' file and compiles it.
messages: bootstrap-dev
	@$(BIN)/python manage.py catalogues

LOCK = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet
lock: bootstrap-dev
	@$(LOCK) $(ARGS) -o requirements.txt
	@$(LOCK) $(ARGS) --group dev -c requirements.txt -o requirements-dev.txt

bootstrap:
	@$(PYTHON) config/bootstrap.py

bootstrap-dev:
	@$(PYTHON) config/bootstrap.py --dev
