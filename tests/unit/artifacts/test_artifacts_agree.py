"""One reading across all files: every port, name and address that two of them mention is the same in both."""

import ipaddress
import re

import pytest

ENDS = ("dash", "client", "metrics-head", "metrics-worker", "serve")
HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")  # RFC 1123
CLUSTERS = ("local-1", "local-2", "local-3", "hpc-1")


@pytest.fixture(scope="session")
def config(config_of, examples):
    return config_of((examples / "clusters.toml").read_text())


@pytest.fixture(scope="session")
def services(documents):
    """Service name -> port, from the Services."""
    found = [d for cluster in CLUSTERS for d in documents(f"services/ray-{cluster}.yaml") if d["kind"] == "Service"]
    for service in found:
        (port,) = service["spec"]["ports"]
        assert port["port"] == port["targetPort"]
    return {service["metadata"]["name"]: service["spec"]["ports"][0]["port"] for service in found}


def forwards(content, word):
    return re.findall(rf"^ +{word} (\S+):(\d+) (\S+):(\d+)$", content, re.MULTILINE)


def test_services_are_the_port_plan(services, config):
    planned = {spec.plan.service_name(end): spec.plan.port(end) for spec in config.clusters[1:] for end in ENDS}
    assert services == planned
    assert len(set(services.values())) == 20


def test_both_kinds_of_endpoints_lead_where_the_tunnels_listen(services, documents, config):
    address = config.ssh["cpouta"].private_ip
    for cluster in CLUSTERS:
        for document in documents(f"services/ray-{cluster}.yaml"):
            if document["kind"] == "Endpoints":
                (subset,) = document["subsets"]
                assert subset["addresses"] == [{"ip": address}]
                assert [port["port"] for port in subset["ports"]] == [services[document["metadata"]["name"]]]
        for document in documents(f"services/endpointslices/ray-{cluster}.yaml"):
            if document["kind"] == "EndpointSlice":
                name = document["metadata"]["labels"]["kubernetes.io/service-name"]
                assert document["endpoints"][0]["addresses"] == [address]
                assert [port["port"] for port in document["ports"]] == [services[name]]


def test_ports_of_service_and_endpoints_have_one_name(documents):
    for cluster in CLUSTERS:
        for path in (f"services/ray-{cluster}.yaml", f"services/endpointslices/ray-{cluster}.yaml"):
            names = {}
            for document in documents(path):
                name = document["metadata"]["name"].removesuffix("-vm")
                ports = (document.get("spec") or document.get("subsets", [document])[0])["ports"]
                names.setdefault(name, []).append([port["name"] for port in ports])
            assert all(first == second for first, second in names.values())


def test_tunnels_listen_on_the_services_ports_and_end_at_what_compose_publishes(services, files, documents, config):
    address = config.ssh["cpouta"].private_ip
    (compose,) = documents("compose/cpu-ray-cluster.yaml")
    published = {port for service in compose["services"].values() for port in service["ports"]}
    for cluster in CLUSTERS:
        lines = forwards(files[f"ssh/{cluster}/raydeck.conf"], "RemoteForward")
        assert [int(port) for _, port, _, _ in lines] == [services[f"ray-{cluster}-{end}"] for end in ENDS]
        assert {listen for listen, _, _, _ in lines} == {address}
        assert all(f"{host}:{port}:{port}" in published for _, _, host, port in lines)


def test_sshd_permits_exactly_what_the_tunnels_ask_and_the_way_back_leads_there(services, files):
    asked = {
        f"{address}:{port}"
        for cluster in CLUSTERS
        for address, port, _, _ in forwards(files[f"ssh/{cluster}/raydeck.conf"], "RemoteForward")
    }
    drop_in = files["sshd/cpouta/50-raydeck.conf"]
    assert set(re.search(r"PermitListen (.*)", drop_in)[1].split()) == asked
    back = forwards(files["ssh/raydeck-operator.conf"], "LocalForward")
    assert {f"{host}:{port}" for _, _, host, port in back} == asked
    assert all(ours == theirs for _, ours, _, theirs in back)
    assert {int(port) for _, port, _, _ in back} == set(services.values())


def destinations(files, documents, folder):
    """Host -> address and port, from a folder's VirtualServices."""
    hosts = {}
    for path in files:
        if path.startswith(f"{folder}/ray-"):
            (document,) = documents(path)
            (host,), (http,) = document["spec"]["hosts"], document["spec"]["http"]
            destination = http["route"][0]["destination"]
            hosts[host] = (destination["host"], destination["port"]["number"])
    return hosts


def test_hosts_lead_to_services_that_exist(services, files, documents, config):
    (cluster,) = documents("kuberay/cloud-1/cpu-raycluster.yaml")
    head = f"{cluster['metadata']['name']}-head-svc.{cluster['metadata']['namespace']}.svc.cluster.local"
    container = cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    known = {(head, port["containerPort"]) for port in container["ports"]}
    known |= {(f"{name}.integration.svc.cluster.local", port) for name, port in services.items()}
    hosts, own = destinations(files, documents, "istio"), destinations(files, documents, "istio/own-gateway")
    assert own == hosts
    assert set(hosts.values()) <= known
    assert len(set(hosts.values())) == len(hosts) == 10
    named = [line.split() for line in files["hosts/hosts"].splitlines() if not line.startswith("#")]
    assert all(ipaddress.ip_address(address) and all(map(HOST.fullmatch, names)) for address, *names in named)
    assert {name for line in named for name in line[1:]} == {*hosts, "prometheus.oss"}
    assert {line[0] for line in named} == {config.ssh["cpouta"].floating_ip}


def test_what_the_console_asks_is_what_was_rendered(documents, config):
    (gateway,) = documents("istio/own-gateway/gateway.yaml")
    port = gateway["spec"]["servers"][0]["port"]["number"]
    urls = {f"http://{host}:{port}" for host in gateway["spec"]["servers"][0]["hosts"]}
    assert {url for spec in config.clusters for url in (spec.dashboard, spec.serve)} == urls
    assert config.clusters[0].client.startswith("raycluster-kuberay-head-svc.default.svc.cluster.local:")
    (cluster,) = documents("kuberay/cloud-1/gpu-raycluster.yaml")
    container = cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    listening = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert config.clusters[0].client.endswith(f":{listening['client']}")
    assert config.clusters[0].serve_port == listening["serve"]
    assert config.clusters[0].series == {"ray_io_cluster": cluster["metadata"]["name"]}


def test_prometheus_asks_the_metrics_services(services, documents, config):
    (document,) = documents("prometheus/prometheus.yml")
    asked = {job["job_name"]: job["static_configs"][0]["targets"] for job in document["scrape_configs"]}
    address = config.ssh["cpouta"].private_ip
    assert asked == {name: [f"{address}:{port}"] for name, port in services.items() if "-metrics-" in name}


def test_the_table_of_ports_says_the_same_here_and_in_the_runbook(services, files, examples):
    table = files["hosts/ports.md"].partition("\n\n")[2]
    for cluster in CLUSTERS:
        (line,) = [line for line in table.splitlines() if line.startswith(f"| {cluster} |")]
        assert [int(cell) for cell in line.split("|")[2:7]] == [services[f"ray-{cluster}-{end}"] for end in ENDS]
    assert table in (examples.parent / "README.md").read_text()


def test_all_run_one_ray(files):
    tags = {tag for content in files.values() for tag in re.findall(r"2\.49\.2\.\w+-py312-[cg]pu", content)}
    assert len(tags) == 2
    assert {tag.rpartition("-")[0] for tag in tags} == {"2.49.2.7b0af3-py312"}
