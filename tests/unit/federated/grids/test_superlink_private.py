"""The names of Flower's on which the grid `flower` stands."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.metadata import requires
from pathlib import Path

import wayfed.federated.grids.superlink as package
from wayfed.federated.grids.superlink import (
    private,
    private_bundle,
    private_database,
    private_superlink,
)

PUBLIC = {"flwr.app", "flwr.clientapp", "flwr.serverapp"}


def test_all_private_names_exist():
    for module in (private, private_bundle, private_superlink):
        assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_the_parts_that_keep_state_in_a_database_are_where_they_are_left_out():
    for module, name in private_database.PARTS.items():
        assert hasattr(import_module(module), name)


def test_no_other_file_of_the_grid_imports_private_names():
    for path in Path(package.__file__).parent.glob("*.py"):
        if path.stem.startswith("private"):
            continue
        imported = {
            node.module
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("flwr")
        }
        assert imported <= PUBLIC, path.name


def test_the_bound_of_flwr_is_that_of_the_private_names():
    bounds = [each for each in requires("wayfed") or () if each.startswith("flwr")]
    assert bounds
    assert all("==1.41.*" in each for each in bounds)
