"""What became of every object version: loads, claims, and how they are found."""
