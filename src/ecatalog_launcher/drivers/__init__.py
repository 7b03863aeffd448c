"""The drivers: one per kind of engine, all behind the contract in `contract.py` and its one suite of tests."""
