"""A cluster behind a tunnel, as clusters.toml has it."""

from pathlib import Path

from console.config import parse_config

VM = "192.168.1.19"


def tunnelled(keys):
    """The configuration of local-1, whose tunnel ends on the VM, with these keys besides."""
    text = f"""
[ssh.vm]
host = "GPU-cpouta"
private_ip = "{VM}"

[[clusters]]
name = "local-1"
kind = "local"
tunnel = {{ via = "vm", slot = 1 }}
{keys}
"""
    return parse_config(text.encode(), Path("/c.toml"), {})
