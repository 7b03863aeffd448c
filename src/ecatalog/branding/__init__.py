"""Floor 2: what a company decides about its catalog: name, logo, colour, texts. The rest is settings."""
