"""The gateway of the E-Catalog: the control plane and the only writer of its database."""

import os

# gRPC's core writes lines of a form of its own to stderr, which a collector of JSON cannot take. It reads this when it
# is imported, which is always later than this; whoever looks for a fault in it says otherwise.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
