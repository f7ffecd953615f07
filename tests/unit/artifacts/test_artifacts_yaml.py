"""What is a text in clusters.toml stays one for every reader: Python's YAML 1.1, and Go's, as kubectl has it."""

import pytest
import yaml

from console.artifacts.documents import placeholder, yaml_text

WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan", "infinity")
NUMBERS = [
    *(
        "8",
        "08",
        "007",
        "1e3",
        "1E3",
        "1.5e-3",
        "0o17",
        "0O17",
        "0x1f",
        "0X1F",
        "0b101",
        "1_000",
        "1_0e1_0",
        "0_8",
        "1.",
    ),
    *("-1e3", "+1e3", "+08", "-0x1f", ".5", "-.5e1", "0x1p-2", ".inf", "-.inf", "+.Inf", ".NaN", "+inf", "-Infinity"),
]
DATES = ["2001-1-1", "2001-12-14", "2001-12-14T21:59:43Z", "2001-1-1 1:1:1", "1:20", "190:20:30"]
ODD = [
    "",
    "~",
    "-",
    "--- a",
    "a: b",
    "a #b",
    "- a",
    "{a}",
    "[a]",
    "&a",
    "*a",
    "!a",
    "%a",
    "@a",
    "a\nb",
    " a ",
]
PLAIN = ["2.49.2", "0.0.0.0", "192.168.1.19:8201", "30G", "100m", "1e", "e3", "0o", "08a", "1-2", "yn", "offs", "1e3-a"]
CASES = [spelled for word in WORDS for spelled in dict.fromkeys((word, word.upper(), word.title()))]
TEXTS = [*CASES, *NUMBERS, *DATES, *ODD, *PLAIN, placeholder("ssh.a__b.private_ip") + ":8100"]


@pytest.fixture
def config_map():
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "texts"},
        "data": {f"key-{number}": text for number, text in enumerate(TEXTS)},
    }


def test_texts_stay_texts_for_python(config_map):
    assert yaml.safe_load(yaml_text([config_map])) == config_map
    assert yaml.safe_load(yaml_text([dict.fromkeys(TEXTS, 1)])) == dict.fromkeys(TEXTS, 1)


def test_texts_stay_texts_for_kubectl(program, call, config_map, tmp_path):
    (tmp_path / "texts.yaml").write_text(yaml_text([config_map]))
    (tmp_path / "kustomization.yaml").write_text("resources:\n  - texts.yaml\n")
    sent = yaml.safe_load(call(program("kubectl", "kubernetes-client"), "kustomize", tmp_path))
    assert sent["data"] == config_map["data"]


def test_a_number_stays_a_number_and_what_only_resembles_one_is_not_quoted():
    assert yaml_text([{"port": 8100}]).endswith("\nport: 8100\n")
    for text in PLAIN:
        assert yaml_text([{"text": text}]).endswith(f"\ntext: {text}\n")


@pytest.mark.parametrize("namespace", ["1e3", "08", "0o17", "y", "on", "2001-1-1", "0x1f"])
def test_a_namespace_reaches_kubernetes_as_it_was_written(program, call, render_text, examples, tmp_path, namespace):
    """Both the configured one, and that of a RayCluster, which follows from its client."""
    content = (examples / "clusters.toml").read_text()
    for before in ('namespace = "integration"', "head-svc.default.svc"):
        assert before in content
        content = content.replace(before, before.replace("integration", namespace).replace("default", namespace))
    files = render_text(content, "services", "kuberay")
    documents = [document for text in files.values() for document in yaml.safe_load_all(text)]
    named = [document["metadata"]["namespace"] for document in documents if "namespace" in document.get("metadata", {})]
    assert set(named) == {namespace}
    assert len(named) > 80
    for path in (path for path in files if path.startswith("services/") and path.count("/") == 1):
        (tmp_path / path.rpartition("/")[2]).write_text(files[path])
    sent = list(yaml.safe_load_all(call(program("kubectl", "kubernetes-client"), "kustomize", tmp_path)))
    assert {document["metadata"]["namespace"] for document in sent if document["kind"] != "Namespace"} == {namespace}
