"""Floor 0: what every room stands on, without any domain in it."""
