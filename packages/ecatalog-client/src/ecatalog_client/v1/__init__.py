"""Generated from proto/ecatalog/v1: messages and stubs. Never edited by hand."""
