"""Floor 1: the shell of the command line. Rooms bring their own commands (`cli.py`); `main` joins them."""
