"""MinIO, RabbitMQ and Cassandra on loopback, without Docker: install, start, wait, stop.

Used by `make up`, the demo, the benchmarks and the tests. Knows nothing of customers or files.
"""
