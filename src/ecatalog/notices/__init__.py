"""From facts to messages: the outbox, its channels, and what is said to whom."""
