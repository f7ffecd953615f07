"""What is painted; widgets get values and post messages, they never do I/O."""
