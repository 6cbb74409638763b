"""What people try an engine with first, as programs of wayfed: the same on every engine.

WordCount, Terasort, Grep, k-means, SGD, PageRank and two queries of TPC-H, over tables in files,
in a database and in both, each forced to one engine after the other and then free.

    python -m benchmarks.classics [--scale 1] [--engines free duckdb …] [--programs grep …]
"""
