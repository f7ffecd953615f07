"""Pure functions from the model to cells, text and charts; no I/O."""
