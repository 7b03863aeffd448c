"""Floor 5: catalog entries, their images, and which client may open which (grants)."""
