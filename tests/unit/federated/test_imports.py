"""What `import wayfed` reaches of the federation stays light."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def test_specifications_load_neither_numpy_nor_arrow_nor_flower() -> None:
    program = """
        import sys
        import wayfed.models, wayfed.federated.features.recipe, wayfed.federated.features.split
        wayfed.models.mlp()
        wayfed.federated.features.recipe.features(impute="mean")
        wayfed.federated.features.split.by_time("t", 3)
        heavy = {"numpy", "pyarrow", "flwr", "sklearn"}
        sys.stdout.write(" ".join(sorted(heavy & set(sys.modules))))
    """

    loaded = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )

    assert loaded.stdout == ""
