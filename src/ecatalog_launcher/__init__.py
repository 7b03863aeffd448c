"""The launcher: makes what runs agree with what is wanted, through one driver per kind of engine."""
