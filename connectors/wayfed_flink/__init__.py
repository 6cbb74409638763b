"""Apache Flink, embedded in this process or as a session cluster of the user's."""
