"""Watches what goes into the weekly run and what comes out of it, and holds back a run on spoilt data."""
