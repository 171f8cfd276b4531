"""RabbitMQ: its topology, what lies in it, and what a message says."""
