"""Checks of single values: names, URLs, addresses, patterns, paths. Each returns the value in its one normal form."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from console.config.reading import At, shown
from console.config.schema import Table
from console.model.address import with_port

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SECTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_SSH_HOST = re.compile(r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.+-]*)@)?[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}")
_SSH_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
_URL_PATH = re.compile(r"[A-Za-z0-9._~%/-]*")
_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]/@\s]+)):(?P<port>[0-9]{1,5})")
_METRIC_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Prometheus' RE2 knows neither look-around nor back-references; Python warns of doubtful sets on standard error.
_NOT_RE2 = re.compile(r"\(\?(?:<?[=!]|P=|\(|>)|\\[1-9]|(?<!\\)[*+?}]\+")
_DOUBTFUL_SET = re.compile(r"\[\^?\[|\[[^\]]*(?:--|&&|~~|\|\|)")
_LONGEST_PATTERN = 1000


def is_label(text: str) -> bool:
    """Return whether ``text`` is a DNS label in lower case."""
    return _LABEL.fullmatch(text) is not None


def label(text: str, at: At) -> str:
    """Return a name that is a DNS label: it becomes part of Service names, file names and screens."""
    if is_label(text):
        return text
    lower = text.lower()
    hint = f"write {lower}" if is_label(lower) else ""
    raise at.error(f"expected at most 63 lower-case letters, digits and inner hyphens, got {shown(text)}", hint)


def section_name(text: str, at: At) -> str:
    """Return the NAME of ``[prometheus.NAME]`` or ``[ssh.NAME]``."""
    if _SECTION_NAME.fullmatch(text):
        return text
    raise at.error("expected a name of at most 63 letters, digits, dots, underscores and hyphens")


def domain(text: str, at: At) -> str:
    """Return a DNS name of one or more labels; one that ends in a number would be taken for a bad IP address."""
    labels = text.split(".")
    if len(text) <= 200 and all(is_label(part) for part in labels) and not labels[-1].isdecimal():
        return text
    raise at.error(f'expected a DNS name such as "oss", got {shown(text)}')


def within(value: float, low: float, high: float, at: At, unit: str = "") -> None:
    """Raise ConfigError unless low <= value <= high; NaN is outside of everything."""
    if not low <= value <= high:
        raise at.error(f"expected {unit}from {low:g} to {high:.0f}, got {shown(value)}")


def ip(text: str, at: At) -> str:
    """Return an IP address that something can listen on."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = None
    if address is None or "%" in text or address.is_unspecified or address.is_multicast:
        raise at.error(f"expected an IP address such as 192.168.1.19, got {shown(text)}")
    return str(address)


def url(text: str, at: At) -> str:
    """Return ``scheme://host[:port][/path]`` without a trailing slash; refuse credentials, query and fragment."""
    if "@" in text:
        raise at.error("expected a URL without credentials", "a token belongs in a file with mode 0600")
    if "?" in text or "#" in text:
        raise at.error("expected a URL without query and fragment")
    parts, port = _split(text, at)
    if parts.scheme not in {"http", "https"}:
        hint = f"write http://{text}" if _ADDRESS.fullmatch(text) else ""
        raise at.error(f"expected a URL that begins with http:// or https://, got {shown(text)}", hint)
    host = _host(parts.hostname or "", text, at)
    if not _URL_PATH.fullmatch(parts.path):
        raise at.error(f"expected a URL with a plain path, got {shown(text)}")
    netloc = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{netloc}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def _split(text: str, at: At) -> tuple[SplitResult, int | None]:
    # urlsplit drops tabs, newlines and leading control characters silently, so they are looked for before.
    if any(not "!" <= c <= "~" for c in text):
        raise at.error(f"expected a URL in plain ASCII without spaces, got {shown(text)}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise at.error(f"expected a URL with a port from 1 to 65535, got {shown(text)}") from None
    if port == 0:
        raise at.error(f"expected a URL with a port from 1 to 65535, got {shown(text)}")
    return parts, port


def _host(host: str, whole: str, at: At) -> str:
    """Return a host in lower case: a DNS name (underscores pass, Docker makes them), IPv4, or IPv6 without brackets."""
    if is_ip(host):
        return str(ipaddress.ip_address(host))
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or labels[-1].isdigit() or not all(_HOST_LABEL.fullmatch(part) for part in labels):
        raise at.error(f"expected a host name or an IP address, got {shown(whole)}")
    return host.lower()


def is_ip(host: str) -> bool:
    """Return whether ``host`` is an IP address without brackets and zone."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def address(text: str, at: At) -> str:
    """Return ``host:port``; a Ray client's address is written without a scheme."""
    if "://" in text:
        scheme, _, rest = text.partition("://")
        hint = f"drop {scheme}://" if _ADDRESS.fullmatch(rest) and scheme.isalpha() else ""
        raise at.error("expected host:port without a scheme", hint)
    found = _ADDRESS.fullmatch(text)
    if found is None or not 1 <= int(found["port"]) <= 65535:
        raise at.error(f"expected host:port such as 127.0.0.1:10001, got {shown(text)}")
    host = _host(found["v6"] or found["name"], text, at)
    return with_port(host, int(found["port"]))


def ssh_host(text: str, at: At) -> str:
    """Return what ssh is called with; a leading hyphen would be an option of ssh."""
    if _SSH_HOST.fullmatch(text):
        return text
    raise at.error(f"expected a Host of ~/.ssh/config, or user@host, got {shown(text)}")


def ssh_user(text: str, host: str, at: At) -> str:
    """Return a login name, which ``host`` must not give as well."""
    if "@" in host:
        raise at.error("expected no user, as host gives one already", "keep one of the two")
    if _SSH_USER.fullmatch(text):
        return text
    raise at.error(f"expected a login name, got {shown(text)}")


def series(raw: Table, at: At) -> dict[str, str]:
    """Return label -> anchored regex, each valid for Prometheus and for Python alike."""
    if not raw:
        raise at.error('expected at least one label = "regex"', "without one, all series of the server match")
    return {name: _pattern(name, pattern, at.key(name)) for name, pattern in raw.items()}


def _pattern(name: str, pattern: object, at: At) -> str:
    if not _METRIC_LABEL.fullmatch(name):
        raise at.error("expected a label's name: letters, digits and underscores")
    if not isinstance(pattern, str) or not pattern.isprintable() or not 0 < len(pattern) <= _LONGEST_PATTERN:
        raise at.error(f"expected a regex such as {shown('ray-local-1-.*')}, got {shown(pattern)}")
    if _NOT_RE2.search(pattern) or _DOUBTFUL_SET.search(pattern):
        raise at.error(f"expected a regex that Prometheus knows (RE2), got {shown(pattern)}", "no look-around, no \\1")
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise at.error(f"expected a regex, got {shown(pattern)}: {shown(str(error))}") from None
    return pattern


def path(text: str, folder: Path, environ: Mapping[str, str], at: At) -> Path:
    """Return an absolute path: ``~`` is the home folder, a relative one starts at the file's own folder."""
    if not text or not text.isprintable():
        raise at.error(f"expected a path, got {shown(text)}")
    home = environ.get("HOME")
    if home and (text == "~" or text.startswith("~/")):
        return Path(home) / text[2:]
    try:
        return folder / Path(text).expanduser()
    except RuntimeError:
        raise at.error(f"no such user's home folder: {shown(text)}") from None
