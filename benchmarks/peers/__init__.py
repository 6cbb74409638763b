"""Eleven queries over PostgreSQL and Parquet: wayfed, what an expert writes by hand, and others.

TPC-H's customer, nation, region, supplier and orders lie in PostgreSQL, all tables in Parquet
files. Every answer is compared with the expert's; all take turns in one process, and the fastest
of each counts. An answer is there when its rows are, as Arrow where the program has them so.

    python -m benchmarks.peers [--scale 1] [--queries Q10,S2] [--peers expert,wayfed] [--json FILE]

The data is made once, and kept in a directory for the next time; the server there is shared by
those who measure at the same time, and ends with the last of them.
"""
