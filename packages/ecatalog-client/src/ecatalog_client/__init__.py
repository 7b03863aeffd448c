"""What neighbours of the catalog build on: wire types, errors, gRPC stubs, watches, retries, a breaker."""
