"""Floor 9.5: what people see: the catalog of clients and the console of users, which call the rooms below."""
