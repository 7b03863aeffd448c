"""Floor 1: the gRPC shell.

Who calls, by when, and how refusals are told; the services themselves are doors of rooms.
"""
