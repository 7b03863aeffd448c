"""How long the gateway takes for each of its pages, in a catalog as large as one of years."""
