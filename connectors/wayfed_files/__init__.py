"""Tables in Parquet, CSV, NDJSON and Arrow IPC files."""
