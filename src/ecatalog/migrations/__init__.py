"""The schema's history: numbered SQL files per engine, run in order at start by `kit/migrations.py`, forward only."""
