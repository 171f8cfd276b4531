"""Who may put what where: constraints, users, grants, quotas and MinIO's own policies."""
