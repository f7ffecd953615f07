"""raydeck: the terminal console for operators of several Ray clusters."""

__version__ = "0.1.0"
