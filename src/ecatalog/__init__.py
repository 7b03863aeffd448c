"""The gateway of the E-Catalog: the control plane and the only writer of its database."""

import os

# gRPC's core writes lines of a form of its own to stderr, which a collector of JSON cannot take. It reads this when it
# is imported, which is always later than this; whoever looks for a fault in it says otherwise.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# It reads this when it is imported, too. Our children are other programs at once; with its handlers of fork(2), which
# uvloop uses, gRPC starts its threads anew in a child before that is so, and three of 36 backups crashed as they began.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
