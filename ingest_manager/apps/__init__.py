"""The life of an app: proposed, checked, planned, tried beside the one in force."""
