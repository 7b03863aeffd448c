"""What a message costs through the outbox, beside sending it straight."""
