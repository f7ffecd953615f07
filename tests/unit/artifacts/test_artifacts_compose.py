"""The Compose files: the specification's schema, what is published where, and sizes that the bundled jobs start on."""

import sys

import pytest
import yaml

FILES = ["compose/cpu-ray-cluster.yaml", "compose/gpu-ray-cluster.yaml"]


@pytest.fixture(params=FILES)
def services(request, documents):
    return documents(request.param)[0]["services"]


def option(service, name):
    return next(part.partition("=")[2] for part in service["command"] if part.startswith(f"{name}="))


def default(variable):
    """What a ``${NAME:-default}`` is without the variable."""
    assert variable.startswith("${")
    return variable.partition(":-")[2].removesuffix("}")


def test_compose_takes_them(call, written):
    schema = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
    call(*schema, *(written / path for path in FILES))


def test_every_port_is_on_the_loopback_address_and_no_two_are_one(services):
    published = [port for service in services.values() for port in service["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert len(set(published)) == len(published)


def test_what_ray_listens_on_is_published_under_the_same_number(services):
    head, worker = services["ray-head"], services["ray-worker"]
    options = ("--port", "--dashboard-port", "--ray-client-server-port", "--metrics-export-port")
    listening = [option(head, name) for name in options] + ["8350"]
    assert sorted(head["ports"]) == sorted(f"127.0.0.1:{port}:{port}" for port in listening)
    port = option(worker, "--metrics-export-port")
    assert worker["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert option(worker, "--address") == f"ray-head:{option(head, '--port')}"


def test_the_console_default_configuration_fits(services, examples):
    laptop = examples.parent.parent / "clusters.toml"
    text = laptop.read_text()
    published = {port.rpartition(":")[2] for service in services.values() for port in service["ports"]}
    for line in (
        'dashboard = "http://127.0.0.1:8265"',
        'serve = "http://127.0.0.1:8350"',
        'client = "127.0.0.1:10001"',
    ):
        assert line in text
        assert line.rpartition(":")[2].strip('"') in published


def test_the_worker_waits_for_a_dashboard_that_answers(services):
    assert services["ray-worker"]["depends_on"] == {"ray-head": {"condition": "service_healthy"}}
    check = services["ray-head"]["healthcheck"]["test"]
    assert check[:3] == ["CMD", "python", "-c"]
    assert option(services["ray-head"], "--dashboard-port") in check[3]
    compile(check[3], "health check", "exec")


def test_head_and_worker_are_alike_and_make_six_cpus(services):
    nodes = [services["ray-head"], services["ray-worker"]]
    assert [int(default(option(node, "--num-cpus"))) for node in nodes] == [3, 3]
    for node in nodes:
        assert node["image"] == nodes[0]["image"]
        assert node["deploy"]["resources"]["limits"] == {"cpus": "${RAY_CPUS:-3}", "memory": "${RAY_MEMORY:-4g}"}
        assert default(node["shm_size"]) == "2gb"
        assert node["restart"] == "unless-stopped"


def test_one_node_has_the_gpu(documents):
    cpu, gpu = (documents(path)[0]["services"] for path in FILES)
    assert [option(node, "--num-gpus") for node in (cpu["ray-head"], cpu["ray-worker"], gpu["ray-head"])] == ["0"] * 3
    (device,) = gpu["ray-worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": option(gpu["ray-worker"], "--num-gpus"), "capabilities": ["gpu"]}
    assert "reservations" not in gpu["ray-head"]["deploy"]["resources"]
    assert default(gpu["ray-head"]["image"]) == default(cpu["ray-head"]["image"]).replace("-cpu", "-gpu")


def test_the_network_is_the_published_one(documents):
    for path in FILES:
        (document,) = documents(path)
        assert document["networks"]["study_network"]["ipam"]["config"] == [{"subnet": "172.29.0.0/16"}]
        assert document["services"]["ray-head"]["networks"]["study_network"] == {"ipv4_address": "172.29.0.15"}


def test_the_optional_prometheus_scrapes_both_nodes(services, files, program, call, written):
    call(program("promtool", "prometheus"), "check", "config", written / "compose/prometheus.yml")
    jobs = yaml.safe_load(files["compose/prometheus.yml"])["scrape_configs"]
    wanted = [f"{name}:{option(services[name], '--metrics-export-port')}" for name in ("ray-head", "ray-worker")]
    assert [target for job in jobs for part in job["static_configs"] for target in part["targets"]] == wanted
    assert services["prometheus"]["profiles"] == ["prometheus"]
