"""Sections and single values: what passes and in which form, what is refused, where, and with which words."""

from pathlib import Path

import pytest

from console.config import parse_config
from console.errors import ConfigError

FILE = Path("/etc/raydeck/clusters.toml")


def parse(text):
    return parse_config(text if isinstance(text, bytes) else text.encode(), FILE, {"HOME": "/home/ada"})


def refusal(text):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.exit_status == 2
    return caught.value


def laptop(**keys):
    keys = {"dashboard": '"http://h:1"', **keys}
    return '[[clusters]]\nname = "a"\nkind = "local"\n' + "".join(f"{key} = {value}\n" for key, value in keys.items())


def test_an_empty_file_has_no_clusters_and_all_defaults():
    config = parse("")
    assert config.clusters == ()
    assert (config.console.refresh_s, config.console.stale_after_s, config.console.read_only) == (2.0, 15.0, False)
    assert (config.kubernetes.namespace, config.kubernetes.gateway_port, config.kubernetes.domain) == (
        "integration",
        7001,
        "oss",
    )


def test_a_byte_order_mark_is_no_error():
    assert parse(b"\xef\xbb\xbf[console]\nread_only = true\n").console.read_only


def test_a_slow_refresh_raises_the_default_age_of_stale():
    assert parse("[console]\nrefresh_s = 60\n").console.stale_after_s == 60.0


def test_paths_are_relative_to_the_file_and_know_the_home_folder():
    text = """
    jobs.paths = ["jobs", "~/more", "~", "/abs"]
    [prometheus.p]
    url = "http://p"
    bearer_token_file = "secrets/p.token"
    ca_file = "~/ca.pem"
    [ssh.vm]
    host = "vm"
    user = "ada"
    floating_ip = "203.0.113.7"
    identity_file = "~/.ssh/id"
    """
    config = parse(text)
    home = Path("/home/ada")
    assert config.job_folders == (FILE.parent / "jobs", home / "more", home, Path("/abs"))
    server, gate = config.prometheus["p"], config.ssh["vm"]
    assert (server.bearer_token_file, server.ca_file) == (FILE.parent / "secrets" / "p.token", home / "ca.pem")
    assert (gate.user, gate.floating_ip, gate.identity_file) == ("ada", "203.0.113.7", home / ".ssh" / "id")


SECTIONS_REFUSED = [
    ("an unknown section", "[consoel]\n", "consoel", "did you mean console?"),
    ("an unknown key", "[console]\nrefresh = 2\n", "console.refresh", "did you mean refresh_s?"),
    ("an unknown key, nothing near", "[console]\nqqq = 2\n", "console.qqq", "refresh_s, stale_after_s, read_only"),
    ("a token in the file", laptop(auth_token='"s3cret"'), "clusters[0].auth_token", "auth_token_file?"),
    ("a section that is a number", "console = 1\n", "console", "expected a table [console], got 1"),
    (
        "one table instead of several",
        '[clusters]\nname = "a"\n',
        "clusters",
        "expected tables [[clusters]], got a table",
    ),
    ("a cluster that is a number", "clusters = [1]\n", "clusters[0]", "expected a table, got 1"),
    ("an interval too short", "[console]\nrefresh_s = 0.1\n", "console.refresh_s", "from 0.2 to 600, got 0.1"),
    ("no number", "[console]\nrefresh_s = nan\n", "console.refresh_s", "got nan"),
    ("endless", "[console]\nstale_after_s = inf\n", "console.stale_after_s", "got inf"),
    ("stale before refreshed", "[console]\nrefresh_s = 20\nstale_after_s = 5\n", "console.stale_after_s", "from 20"),
    ("an interval as text", '[console]\nrefresh_s = "2"\n', "console.refresh_s", 'seconds from 0.2 to 600, got "2"'),
    ("a number for true", "[console]\nread_only = 1\n", "console.read_only", "true or false, got 1"),
    ("a huge number", f"[console]\nrefresh_s = {'9' * 400}\n", "console.refresh_s", "got a huge number"),
    ("one path, no list", '[jobs]\npaths = "x"\n', "jobs.paths", "a list of folders"),
    ("a number among paths", '[jobs]\npaths = ["x", 2]\n', "jobs.paths[1]", "got 2"),
    ("an empty path", '[jobs]\npaths = [""]\n', "jobs.paths[0]", "expected a path"),
    ("a path with an escape", '[jobs]\npaths = ["a\\u001b[2J"]\n', "jobs.paths[0]", "expected a path"),
    ("nobody's home", '[jobs]\npaths = ["~no-such-user-here/x"]\n', "jobs.paths[0]", "home folder"),
    ("a server without url", "[prometheus.p]\n", "prometheus.p.url", "is missing"),
    ("a server that is text", 'prometheus.p = "http://p"\n', "prometheus.p", "expected a table"),
    ("a server's odd name", '[prometheus."a b"]\nurl = "http://p"\n', 'prometheus."a b"', "expected a name"),
    ("an option of ssh", '[ssh.vm]\nhost = "-oProxyCommand=x"\n', "ssh.vm.host", "user@host"),
    ("an option of ssh after a user", '[ssh.vm]\nhost = "a@-ox"\n', "ssh.vm.host", "user@host"),
    ("two users", '[ssh.vm]\nhost = "a@vm"\nuser = "b"\n', "ssh.vm.user", "keep one of the two"),
    ("a bad user", '[ssh.vm]\nhost = "vm"\nuser = "-b"\n', "ssh.vm.user", "login name"),
    ("a name for an IP", '[ssh.vm]\nhost = "vm"\nprivate_ip = "vm"\n', "ssh.vm.private_ip", "an IP address"),
    ("every address", '[ssh.vm]\nhost = "vm"\nprivate_ip = "0.0.0.0"\n', "ssh.vm.private_ip", "an IP address"),
    ("a zone", '[ssh.vm]\nhost = "vm"\nfloating_ip = "fe80::1%a"\n', "ssh.vm.floating_ip", "an IP address"),
    ("a port too high", "[kubernetes]\ngateway_port = 65536\n", "kubernetes.gateway_port", "1 to 65535"),
    ("a bad namespace", '[kubernetes]\nnamespace = "A_b"\n', "kubernetes.namespace", "lower-case"),
    ("a bad domain", '[kubernetes]\ndomain = "oss..x"\n', "kubernetes.domain", "DNS name"),
    ("a domain that ends in a number", '[kubernetes]\ndomain = "lab.0"\n', "kubernetes.domain", "DNS name"),
]


@pytest.mark.parametrize(
    ("text", "path", "words"), [row[1:] for row in SECTIONS_REFUSED], ids=[row[0] for row in SECTIONS_REFUSED]
)
def test_sections_refused(text, path, words):
    error = refusal(text)
    assert error.where == f"{FILE}: {path}"
    assert words in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b"a = 1\nb = \n", "line 2, column 5", "Invalid value"),
        (b"[console\n", "line 1, column 9", "Expected"),
        (b'a = """x\n', "line 2, end of the file", "nterminated string"),
        (b"a = 1\nb = '\xff'\n", "line 2", "UTF-8"),
        (b"[ssh.a]\nhost='x'\n[ssh.a]\n", "line 3, column 7", "twice"),
    ],
)
def test_syntax_errors_name_line_and_column(content, place, words):
    error = refusal(content)
    assert error.where == f"{FILE}: {place}"
    assert words in error.what


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"a = " + b"9" * 5000, "not TOML"),
        (b"#" * (1 << 20) + b"\n", "1 MiB"),
    ],
)
def test_files_that_only_a_machine_makes(content, words):
    assert words in refusal(content).what


@pytest.mark.parametrize("name", ["local-1", "a", "0", "a" * 63])
def test_good_names(name):
    assert parse(laptop().replace('"a"', f'"{name}"')).clusters[0].name == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "a.b", "a_b", "a b", "Laptop", "ä", "a" * 64, "..", "a/b", "a\\n", "\\u001b[2J", "x\\u0085"],
)
def test_names_that_are_no_dns_label(name):
    error = refusal(laptop().replace('"a"', f'"{name}"'))
    assert error.where == f"{FILE}: clusters[0].name"
    assert str(error).isprintable()


def test_capitals_are_told_how_to_be_written():
    assert refusal(laptop().replace('"a"', '"Laptop"')).hint == "write laptop"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("http://127.0.0.1:8265", "http://127.0.0.1:8265"),
        ("http://127.0.0.1:8265/", "http://127.0.0.1:8265"),
        ("HTTPS://Ray.Example:443/a/b/", "https://ray.example:443/a/b"),
        ("http://ray_head:8265", "http://ray_head:8265"),
        ("http://[::1]:8265", "http://[::1]:8265"),
        ("http://h:", "http://h"),
    ],
)
def test_good_urls(given, taken):
    assert parse(laptop(dashboard=f'"{given}"')).clusters[0].dashboard == taken


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:8265", "write http://127.0.0.1:8265"),
        ("ftp://h", "http:// or https://"),
        ("ray://h:10001", "http:// or https://"),
        ("http://", "host name"),
        ("http://:80", "host name"),
        ("http://-h", "host name"),
        ("http://a..b", "host name"),
        ("http://1.2.3", "host name"),
        ("http://1.2.3.400", "host name"),
        ("http://h:0", "port from 1"),
        ("http://h:65536", "port from 1"),
        ("http://h:x", "port from 1"),
        ("http://[::1", "a URL"),
        ("http://h/?a=b", "query"),
        ("http://h/#a", "fragment"),
        ("http://h/ a", "without spaces"),
        ("http://h/\\t", "without spaces"),
        ("http://h\\u0000", "without spaces"),
        ("\\u001b]0;x\\u0007http://h", "without spaces"),
        ("http://ä", "plain ASCII"),
        ("http://h/`x`", "plain path"),
        ("", "http:// or https://"),
    ],
)
@pytest.mark.parametrize("key", ["dashboard", "serve"])
def test_bad_urls(url, words, key):
    error = refusal(laptop(**{key: f'"{url}"'}))
    assert error.where == f"{FILE}: clusters[0].{key}"
    assert words in str(error)
    assert str(error).isprintable()


def test_credentials_in_a_url_are_refused_and_not_repeated():
    error = refusal(laptop(dashboard='"http://ada:s3cret@h"'))
    assert "credentials" in error.what
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    ("given", "taken"),
    [("127.0.0.1:10001", "127.0.0.1:10001"), ("Head.X:1", "head.x:1"), ("[::1]:10001", "[::1]:10001")],
)
def test_good_clients(given, taken):
    assert parse(laptop(client=f'"{given}"')).clusters[0].client == taken


@pytest.mark.parametrize(
    ("client", "words"),
    [
        ("ray://127.0.0.1:10001", "drop ray://"),
        ("http://x", "without a scheme"),
        ("127.0.0.1", "host:port"),
        ("127.0.0.1:0", "host:port"),
        ("127.0.0.1:65536", "host:port"),
        ("127.0.0.1:１", "host:port"),
        (":10001", "host:port"),
        ("::1:10001", "host:port"),
        ("a b:1", "host:port"),
        ("-a:1", "host name"),
        ("u@h:1", "host:port"),
        ("h:1/x", "host:port"),
    ],
)
def test_bad_clients(client, words):
    error = refusal(laptop(client=f'"{client}"'))
    assert error.where == f"{FILE}: clusters[0].client"
    assert words in str(error)


@pytest.mark.parametrize(
    "pattern", ["a", "ray-(head|worker)", "(?i)x", "(?P<n>a)b", "[a-z]+", r"\\d{1,3}", "a|b", r"x\\++", "(?:a)*"]
)
def test_good_patterns(pattern):
    assert parse(laptop(series=f'{{ job = "{pattern}" }}')).clusters[0].series == {"job": pattern.replace("\\\\", "\\")}


@pytest.mark.parametrize(
    "pattern",
    ["(", "*", "[a", "(?=x)", "(?!x)", "(?<=x)y", "(?<!x)y", "(?>x)", r"(a)\\1", "a++", "[[:alpha:]]", "[a--b]", "",
     "a\\u001b", "x" * 1001, "(" * 900, "a{99999999999}"],
    ids=lambda pattern: pattern[:12],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_bad_patterns(pattern):
    error = refusal(laptop(series=f'{{ job = "{pattern}" }}'))
    assert error.where == f"{FILE}: clusters[0].series.job"
    assert "regex" in error.what
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("series", "path"),
    [("{}", "series"), ('{ "a-b" = "x" }', "series.a-b"), ("{ job = 1 }", "series.job"), ('"x"', "series")],
)
def test_bad_series(series, path):
    assert refusal(laptop(series=series)).where == f"{FILE}: clusters[0].{path}"
