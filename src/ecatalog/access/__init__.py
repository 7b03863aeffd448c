"""Floor 7: revoking, renewing and restoring access, and logging out: the use cases that span rooms."""
