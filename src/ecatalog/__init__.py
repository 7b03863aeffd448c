"""The gateway of the E-Catalog: the control plane and the only writer of its database."""
