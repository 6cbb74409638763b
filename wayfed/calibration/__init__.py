"""What work takes on this installation: measured, kept, refined by every run.

``wayfed calibrate`` runs a designed set of plans on each platform (`measuring`), fits the rates of
the cost model to what they took (`fitting`), and keeps them for this machine (`storing`); contexts
plan with them (`applying`).
"""

from wayfed.calibration.applying import Calibration, is_on, kind_of
from wayfed.calibration.fitting import Observation, fit
from wayfed.calibration.storing import Measured, forget, load, save

__all__ = [
    "Calibration",
    "Measured",
    "Observation",
    "fit",
    "forget",
    "is_on",
    "kind_of",
    "load",
    "save",
]
