"""Apache Kafka: topics as tables, read between fixed offsets and written in transactions."""
