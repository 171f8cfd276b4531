"""What several test modules use: the platform with its processes, customers and their files."""
