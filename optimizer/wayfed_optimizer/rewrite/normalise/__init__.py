"""The normalising rules, in the order in which they are tried."""

from typing import Final

from wayfed_optimizer.relations import (
    Aggregate,
    Distinct,
    Filter,
    Join,
    Limit,
    Select,
    SetOperation,
    Sort,
)
from wayfed_optimizer.rewrite.engine import Rule
from wayfed_optimizer.rewrite.normalise.distincts import remove_distinct, remove_distinct_below
from wayfed_optimizer.rewrite.normalise.expressions import (
    simplify_aggregate,
    simplify_filter,
    simplify_join,
    simplify_select,
)
from wayfed_optimizer.rewrite.normalise.filters import (
    merge_filters,
    push_filter_below_aggregate,
    push_filter_below_distinct,
    push_filter_below_explode,
    push_filter_below_sample,
    push_filter_below_select,
    push_filter_below_sort,
    push_filter_below_time_window,
    push_filter_below_window,
    push_filter_into_set_operation,
    remove_true_filter,
)
from wayfed_optimizer.rewrite.normalise.groups import remove_group_keys
from wayfed_optimizer.rewrite.normalise.joins import (
    push_filter_into_join,
    push_join_predicate,
    turn_filter_into_join_key,
)
from wayfed_optimizer.rewrite.normalise.limits import (
    merge_limits,
    push_limit_below_select,
    push_limit_into_union,
    remove_limit,
)
from wayfed_optimizer.rewrite.normalise.outer_joins import (
    narrow_join_below_filter,
    narrow_join_below_join,
)
from wayfed_optimizer.rewrite.normalise.reused_groups import reuse_groups
from wayfed_optimizer.rewrite.normalise.selects import merge_selects, remove_plain_select
from wayfed_optimizer.rewrite.normalise.sorts import (
    remove_sort_below_aggregate,
    remove_sort_below_distinct,
    remove_sort_below_join,
    remove_sort_below_set_operation,
    remove_sort_below_sort,
    remove_sort_without_keys,
)
from wayfed_optimizer.rewrite.normalise.subqueries import (
    turn_subquery_into_anti_join,
    turn_subquery_into_semi_join,
)
from wayfed_optimizer.rewrite.normalise.tops import (
    push_limit_into_outer_join,
    push_top_below_select,
    push_top_into_union,
)

NORMALISING: Final = (
    Rule(Filter, simplify_filter),
    Rule(Filter, remove_true_filter),
    Rule(Filter, merge_filters),
    Rule(Filter, turn_subquery_into_semi_join),
    Rule(Filter, turn_subquery_into_anti_join),
    Rule(Filter, narrow_join_below_filter),
    Rule(Filter, push_filter_below_select),
    Rule(Filter, push_filter_into_join),
    Rule(Filter, turn_filter_into_join_key),
    Rule(Filter, push_filter_below_aggregate),
    Rule(Filter, push_filter_below_window),
    Rule(Filter, push_filter_below_sort),
    Rule(Filter, push_filter_below_distinct),
    Rule(Filter, push_filter_into_set_operation),
    Rule(Filter, push_filter_below_sample),
    Rule(Filter, push_filter_below_time_window),
    Rule(Filter, push_filter_below_explode),
    Rule(Select, simplify_select),
    Rule(Select, remove_plain_select),
    Rule(Select, merge_selects),
    Rule(Join, simplify_join),
    Rule(Join, push_join_predicate),
    Rule(Join, narrow_join_below_join),
    Rule(Join, remove_sort_below_join),
    Rule(Aggregate, simplify_aggregate),
    Rule(Aggregate, remove_group_keys),
    Rule(Aggregate, remove_sort_below_aggregate),
    Rule(Aggregate, reuse_groups),
    Rule(SetOperation, remove_sort_below_set_operation),
    Rule(SetOperation, remove_distinct_below),
    Rule(Distinct, remove_distinct),
    Rule(Distinct, remove_sort_below_distinct),
    Rule(Sort, remove_sort_without_keys),
    Rule(Sort, remove_sort_below_sort),
    Rule(Limit, remove_limit),
    Rule(Limit, merge_limits),
    Rule(Limit, push_limit_below_select),
    Rule(Limit, push_limit_into_union),
    Rule(Limit, push_limit_into_outer_join),
    Rule(Limit, push_top_below_select),
    Rule(Limit, push_top_into_union),
)
"""Each makes a plan that no platform runs slower."""
