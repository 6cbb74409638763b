"""From the plan that was written to the one that is placed: rules that improve, rules that offer.

*Normalising* rules make a plan better whatever runs it, and are applied until none of them fires.
*Alternatives* are equivalents of which only cost can choose; placement asks for them.
"""

from wayfed_optimizer.dependencies import Keys
from wayfed_optimizer.rewrite.alternatives import ALTERNATIVES, Alternative, alternatives_of
from wayfed_optimizer.rewrite.engine import RewriteContext, Rewritten, Rule, Step, no_keys
from wayfed_optimizer.rewrite.normalise import NORMALISING
from wayfed_optimizer.rewrite.pipeline import rewrite

__all__ = [
    "ALTERNATIVES",
    "NORMALISING",
    "Alternative",
    "Keys",
    "RewriteContext",
    "Rewritten",
    "Rule",
    "Step",
    "alternatives_of",
    "no_keys",
    "rewrite",
]
