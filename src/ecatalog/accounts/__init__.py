"""Floor 3: users, credentials, sessions, one-time codes and API tokens. Who may log in, and who is asking."""
