"""Training over parties that keep their rows: parties, grids, models, features, runs."""

import os

# Flower reads these when it is imported, which is later: nothing is reported or looked up.
for _switch, _value in (
    ("FLWR_TELEMETRY_ENABLED", "0"),
    ("FLWR_DISABLE_UPDATE_CHECK", "1"),
    ("RAY_USAGE_STATS_ENABLED", "0"),
):
    os.environ.setdefault(_switch, _value)
