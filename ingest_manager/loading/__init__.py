"""From a delivery to its end: who takes it, the life of a load, where its object goes."""
