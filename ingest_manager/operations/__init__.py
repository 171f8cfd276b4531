"""What ops do and what runs by itself: replay, reconcile, verify, dead letters, rejects."""
