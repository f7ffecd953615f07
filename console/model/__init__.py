"""Frozen values in the field's words; standard library and msgspec only."""
