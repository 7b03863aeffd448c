"""Floor 1: the HTTP shell.

Dispatch, validation, problems, OpenAPI and the layout of pages; no domain in it.
"""
