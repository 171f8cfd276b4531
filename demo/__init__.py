"""The whole way once: real files of two customers into Cassandra, then everything counted again."""
