"""Floor 4: clients and their access windows. What a revocation closes elsewhere is the access room's."""
