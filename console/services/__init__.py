"""Long-lived behaviour as coroutines and async generators; knows no Textual."""
