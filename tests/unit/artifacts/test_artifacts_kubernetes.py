"""Services, Istio and KubeRay files against kustomize, Kubernetes' schemas, Istio's types and the chart's values."""

import inspect
import itertools
import re
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.istio.networking import v1beta1 as istio

FIXTURES = Path(__file__).parents[2] / "fixtures" / "deploy"
CHART = FIXTURES / "ray-cluster-1.0.0"
LOCALS = [f"ray-{name}" for name in ("local-1", "local-2", "local-3", "hpc-1")]
ENDS = ("dash", "client", "metrics-head", "metrics-worker", "serve")
OLDEST, SLICES_SINCE, NEWEST = "1.25", "1.33", kubernetes_validate.latest_version()
VALUES = [f"kuberay/cloud-1/{variant}-kuberay-cluster-values.yaml" for variant in ("cpu", "gpu")]
MANIFESTS = [f"kuberay/cloud-1/{variant}-raycluster.yaml" for variant in ("cpu", "gpu")]


@pytest.fixture(scope="session")
def kustomize(program, call, written):
    """``kustomize(folder)`` is what ``kubectl apply -k`` would send."""
    return lambda folder: list(
        yaml.safe_load_all(call(program("kubectl", "kubernetes-client"), "kustomize", written / folder))
    )


def names(documents, kind):
    return [document["metadata"]["name"] for document in documents if document["kind"] == kind]


@pytest.mark.parametrize(
    ("folder", "kind", "end"), [("services", "Endpoints", ""), ("services/endpointslices", "EndpointSlice", "-vm")]
)
def test_services_are_what_kubernetes_takes(kustomize, folder, kind, end):
    sent = kustomize(folder)
    wanted = sorted(f"{cluster}-{service}" for cluster in LOCALS for service in ENDS)
    assert names(sent, "Namespace") == ["integration"]
    assert sorted(names(sent, "Service")) == wanted
    assert sorted(names(sent, kind)) == [name + end for name in wanted]
    assert len(sent) == 1 + 2 * len(wanted)
    for document in sent:
        # The clusters differ in numbers and names alone, so one of them stands for all in older versions.
        versions = (OLDEST, SLICES_SINCE, NEWEST) if "-local-1-" in document["metadata"]["name"] else (NEWEST,)
        for version in versions:
            kubernetes_validate.validate(document, version, strict=True)


def test_only_the_metrics_services_ask_to_be_scraped(kustomize):
    for service in (document for document in kustomize("services") if document["kind"] == "Service"):
        name, annotations = service["metadata"]["name"], service["metadata"].get("annotations")
        port = str(service["spec"]["ports"][0]["port"])
        assert "selector" not in service["spec"]
        wanted = {"prometheus.io/scrape": "true", "prometheus.io/port": port} if "-metrics-" in name else None
        assert annotations == wanted


def test_the_curl_pod_is_a_pod(documents):
    (pod,) = documents("services/curl-pod.yaml")
    kubernetes_validate.validate(pod, NEWEST, strict=True)
    assert pod["metadata"]["namespace"] == "integration"


@pytest.mark.parametrize(
    ("folder", "gateway"), [("istio", "dashboards-gateway-1"), ("istio/own-gateway", "raydeck-gateway")]
)
def test_virtual_services_are_istios(kustomize, folder, gateway):
    sent = kustomize(folder)
    services = [document for document in sent if document["kind"] == "VirtualService"]
    for document in services:
        istio.VirtualService.model_validate(document)
        known_names(document["spec"], istio.VirtualServiceSpec)
        assert document["spec"]["gateways"] == [gateway]
    assert sorted(names(sent, "VirtualService")) == sorted(
        f"{cluster}-{service}-virtualservice" for cluster in ["ray-cloud-1", *LOCALS] for service in ("dash", "serve")
    )
    assert len({document["spec"]["hosts"][0] for document in services}) == len(services) == 10


def test_the_existing_gateway_is_in_no_file_and_ours_has_only_our_hosts(files, kustomize):
    assert not [document for document in kustomize("istio") if document["kind"] == "Gateway"]
    (ours,) = [document for document in kustomize("istio/own-gateway") if document["kind"] == "Gateway"]
    istio.Gateway.model_validate(ours)
    known_names(ours["spec"], istio.GatewaySpec)
    assert ours["metadata"]["name"] == "raydeck-gateway"
    listed = [line for line in files["istio/gateway-hosts.txt"].splitlines() if not line.startswith("#")]
    assert ours["spec"]["servers"][0]["hosts"] == listed
    assert all(host.startswith("ray.") for host in listed)
    assert ours["spec"]["servers"][0]["port"]["number"] == 7001


def known_names(value, model):
    """Fail on a field that Istio does not know: its types let those pass."""
    known = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    for name, part in value.items():
        assert name in known, f"{model.__name__} has no {name}"
        parts, below = part if isinstance(part, list) else [part], model_in(known[name])
        for item in parts if below else ():
            known_names(item, below)


def model_in(annotation):
    if inspect.isclass(annotation) and hasattr(annotation, "model_fields"):
        return annotation
    below = (model_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((model for model in below if model), None)


def test_a_name_that_istio_does_not_know_is_noticed():
    with pytest.raises(AssertionError, match="has no gatewys"):
        known_names({"gatewys": ["a"]}, istio.VirtualServiceSpec)
    with pytest.raises(AssertionError, match="has no prot"):
        known_names({"http": [{"route": [{"destination": {"prot": 1}}]}]}, istio.VirtualServiceSpec)


def chart_paths():
    """The dotted paths that the chart has in its values.yaml, or that a template reads."""

    def below(part, above=""):
        for key, value in part.items() if isinstance(part, dict) else ():
            yield above + key
            yield from below(value, f"{above}{key}.")

    read = [re.findall(r"\.Values\.([\w.]+)", path.read_text()) for path in CHART.glob("templates/*")]
    return {*below(yaml.safe_load((CHART / "values.yaml").read_text())), *itertools.chain(*read)}


@pytest.mark.parametrize("path", VALUES)
def test_every_value_is_one_of_the_chart(documents, path):
    known, open_maps = chart_paths(), {"rayStartParams", "annotations", "resources"}
    (values,) = documents(path)

    def check(part, above):
        for key, value in part.items():
            assert above + key in known
            if isinstance(value, dict) and key not in open_maps:
                check(value, f"{above}{key}.")

    check(values, "")


@pytest.mark.parametrize("path", VALUES)
def test_what_the_chart_does_not_quote_stays_what_it_is(documents, path):
    """The template writes these as they are, so YAML must read them as the text that they were."""
    (values,) = documents(path)
    for text in (values["head"]["rayVersion"], values["worker"]["groupName"], values["fullnameOverride"]):
        assert yaml.safe_load(text) == text


def strict(schema):
    """The schema, in which a field that it does not name is an error; Kubernetes would drop it without a word."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return closed | {key: strict(part) for key, part in schema.items()}


def assert_is(document, schema):
    found = yaml.load((FIXTURES / f"{schema}-schema.yaml").read_text(), yaml.CSafeLoader)
    found["properties"]["metadata"] = {"type": "object"}
    jsonschema.validate(document, strict(found))


@pytest.mark.parametrize("path", MANIFESTS)
@pytest.mark.parametrize("version", ["1.0.0", "1.7.0"])
def test_the_manifest_is_a_ray_cluster(documents, path, version):
    (cluster,) = documents(path)
    assert_is(cluster, f"raycluster-{version}")
    spec = cluster["spec"]
    (group,) = spec["workerGroupSpecs"]
    assert (cluster["apiVersion"], cluster["kind"]) == ("ray.io/v1", "RayCluster")
    for name, part in (("head", spec["headGroupSpec"]), ("worker", group)):
        template = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": name}, "template": part["template"]}
        kubernetes_validate.validate(template, NEWEST, strict=True)
        assert all(isinstance(value, str) for value in part["rayStartParams"].values())


def test_a_field_that_the_operators_do_not_know_is_noticed(documents):
    for path, schema in ((MANIFESTS[0], "raycluster-1.0.0"), ("kuberay/cloud-1/podmonitor.yaml", "podmonitor")):
        (document,) = documents(path)
        with pytest.raises(jsonschema.ValidationError, match="'prot' was unexpected"):
            assert_is(document | {"spec": document["spec"] | {"prot": 1}}, schema)


@pytest.mark.parametrize(("values_path", "manifest_path"), zip(VALUES, MANIFESTS, strict=True))
def test_values_and_manifest_describe_one_cluster(documents, values_path, manifest_path):
    (values,), (manifest,) = documents(values_path), documents(manifest_path)
    spec = manifest["spec"]
    assert values["fullnameOverride"] == manifest["metadata"]["name"]
    assert values["head"]["rayVersion"] == spec["rayVersion"]
    assert values["image"]["tag"].startswith(spec["rayVersion"])
    for node, part in (("head", spec["headGroupSpec"]), ("worker", spec["workerGroupSpecs"][0])):
        (container,) = part["template"]["spec"]["containers"]
        assert container["image"] == f"{values['image']['repository']}:{values['image']['tag']}"
        assert part["rayStartParams"] == values[node]["rayStartParams"]
        assert part["template"]["metadata"]["annotations"] == values[node]["annotations"]
        for key in ("ports", "resources", "volumeMounts"):
            assert container[key] == values[node][key]
        assert part["template"]["spec"]["volumes"] == values[node]["volumes"]
    for key in ("groupName", "replicas", "minReplicas", "maxReplicas"):
        assert values["worker"][key] == spec["workerGroupSpecs"][0][key]


def test_the_pods_of_the_cluster_are_scraped_under_its_label(documents):
    (monitor,) = documents("kuberay/cloud-1/podmonitor.yaml")
    (cluster,) = documents(MANIFESTS[0])
    assert monitor["spec"]["selector"]["matchLabels"] == {"ray.io/cluster": cluster["metadata"]["name"]}
    assert monitor["metadata"]["namespace"] == cluster["metadata"]["namespace"]
    assert_is(monitor, "podmonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["relabelings"][0]["targetLabel"] == "ray_io_cluster"
    for part in (cluster["spec"]["headGroupSpec"], cluster["spec"]["workerGroupSpecs"][0]):
        ports = {port["name"]: port["containerPort"] for port in part["template"]["spec"]["containers"][0]["ports"]}
        port = str(ports[endpoint["port"]])
        assert part["rayStartParams"]["metrics-export-port"] == port
        assert part["template"]["metadata"]["annotations"]["prometheus.io/port"] == port


def test_only_the_gpu_files_ask_for_a_gpu(files):
    for path in (*VALUES, *MANIFESTS):
        assert ("nvshare.com/gpu" in files[path]) == ("/gpu-" in path)
