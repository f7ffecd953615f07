"""The command line: arguments in, one call into services or app, exit status out."""
