"""Floor 10: keeping the catalog running: health, metrics, service tokens, sample data."""
