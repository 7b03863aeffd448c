"""Floor 8: reading what clients used, per client, per demo and over all, from the daily sums."""
