"""clusters.toml -> Config: where it is looked for, what may stand in it, and what follows from it.

Every error is a ConfigError that names the file, the TOML key path and what was expected. The rest of the console
imports from here only; which file of this package does what is nobody else's business.
"""

from console.config.load import load_config, parse_config
from console.config.places import (
    IMPLICIT_ADDRESS,
    Place,
    example_text,
    find_config,
    gone,
    is_address_given,
    searched_places,
)
from console.config.result import Config, ConsoleOptions, Kubernetes, PrometheusServer, SshGate
from console.config.tokens import TOKEN_PREFIX, auth_token, bearer_token, read_secret, token_variable

__all__ = [
    "IMPLICIT_ADDRESS",
    "TOKEN_PREFIX",
    "Config",
    "ConsoleOptions",
    "Kubernetes",
    "Place",
    "PrometheusServer",
    "SshGate",
    "auth_token",
    "bearer_token",
    "example_text",
    "find_config",
    "gone",
    "is_address_given",
    "load_config",
    "parse_config",
    "read_secret",
    "searched_places",
    "token_variable",
]
