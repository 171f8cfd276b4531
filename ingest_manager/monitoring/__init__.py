"""How the platform stands: metrics, gauges, health, each customer's state."""
