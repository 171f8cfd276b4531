"""From a delivery to stored rows, and what became of them; owns the RabbitMQ and Cassandra sides."""
