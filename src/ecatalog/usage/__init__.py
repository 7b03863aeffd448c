"""Floor 2: what clients did, as events and as daily sums. Reading them for people is the analytics room's."""
