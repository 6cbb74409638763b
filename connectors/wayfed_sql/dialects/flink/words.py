"""The words that Flink's SQL keeps for itself."""

from __future__ import annotations

import re
from typing import Final

from wayfed_sql.dialects import shared

RESERVED: Final = shared.RESERVED | frozenset(
    re.findall(
        r"\w+",
        """
    abs absent allow are array_agg asensitive asymmetric atomic avg begin begin_frame
    begin_partition bigint binary bit blob boolean bytes call called cardinality cascaded catalogs
    ceil ceiling changelog_mode char character character_length char_length classifier clob close
    coalesce collect comment condition connect connection contains convert corr corresponding count
    covar_pop covar_samp cume_dist cursor cycle databases date day deallocate dec decimal declare
    define dense_rank deref describe deterministic disallow disconnect dot double dynamic each
    element empty end_exec end_frame end_partition equals escape every exec execute exp explain
    extend extended external filter first_value float floor frame_row free friday functions fusion
    get global grouping_id hold hour hours identity import indicator inout insensitive int integer
    intersection january json_array json_arrayagg json_exists json_object json_objectagg json_query
    json_value lag language large last_value lead like_regex ln local lower match_number
    match_recognize matches max measures member merge method min minute minutes mod modify module
    modules monday month months multiset national natural nchar nclob new next no none normalize
    nth_value ntile null nullif numeric occurrences_regex octet_length old omit one open ordinal out
    overlay parameter patterns per percent percentile_cont percentile_disc percent_rank period
    permute portion position position_regex power precedes precision prepare prev procedure
    procedures quarter quarters quote range rank raw reads real recursive ref referencing regr_avgx
    regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy release reset
    result return revoke rollup row_number running safe_cast safe_offset safe_ordinal saturday
    savepoint scope scroll search second seconds seek sensitive sets show similar skip smallint
    some specific specifictype sql sqlexception sqlstate sqlwarning sqrt start statement static
    statistics stddev_pop stddev_samp stream string submultiset subset substring substring_regex
    succeeds sum sunday symmetric system system_time system_user tables tablesample thursday time
    timestamp timestamp_ltz timezone_hour timezone_minute tinyint to translate translate_regex
    translation treat trigger trim_array truncate tuesday uescape unnest upper upsert use user
    value values value_of variant varbinary varchar var_pop var_samp varying versioning views
    watermark watermarks week weeks whenever width_bucket within without wednesday year years zone
    """,
    )
)
"""Those of all engines, and those of Flink's own grammar."""
