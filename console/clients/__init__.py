"""One file per wire protocol: bytes in, model out. Errors of httpx, ray and ssh stop here."""
