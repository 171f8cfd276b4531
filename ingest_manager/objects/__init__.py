"""MinIO as the manager sees it."""
