# The steps that people and CI run. `uv run just` lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

_list:
    @just --list --unsorted

# Lint, formatting, types and import contracts
check:
    uv run ruff check
    uv run ruff format --check
    uv run mypy
    uv run lint-imports --no-logo

# Tests and the examples in docstrings
test *arguments:
    uv run pytest {{ arguments }}

# What takes too long for every change: clusters whose parts are killed, leaks, large data
soak *arguments:
    uv run pytest -m soak {{ arguments }}

# Execute the notebooks
docs:
    uv run pytest --nbmake notebooks

# Build the wheel and use it as a stranger would: the core alone, in an environment of its own
wheel:
    scripts/try_wheel

# Install the engines by plain pip, and run a smoke of the suite on them (some minutes, 1.5 GB)
pip *engines:
    scripts/try_pip_engines {{ engines }}

# Compile our classes for Flink; with --check, only see whether the jar is what its sources give
jar *arguments:
    uv run python scripts/build_jar.py {{ arguments }}

# Measure, and compare with the budgets
bench:
    for program in benchmarks/*.py; do echo "$program"; uv run python "$program"; done
    uv run python benchmarks/federated_rounds.py --parties --processes 3 10 100 --flower 10 --start-server 10
    uv run python -m benchmarks.classics
    uv run python -m benchmarks.peers

# Spoil SQL text and plans on the wire for some minutes
fuzz minutes="20":
    uv run python scripts/fuzz.py --minutes {{ minutes }}

# The flights of 2013, end to end
demo *arguments:
    uv run wayfed demo {{ arguments }}

# All that CI runs
ci: check (jar "--check") wheel docs (test "--durations=40")
