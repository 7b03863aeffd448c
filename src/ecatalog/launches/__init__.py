"""Floor 6: running copies of demos: who may have one, what is wanted of it, and who serves and runs it."""
