"""The wire types, one module per room: frozen msgspec structs, defined once for REST, gRPC and Python."""
