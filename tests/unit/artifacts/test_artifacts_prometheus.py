"""The stand-alone server's configuration, and that each alert comes when it should, and only then."""

import pytest
import yaml

NODE = 'ray_cluster="local-1", job="ray-local-1-metrics-%s", instance="192.168.1.19:82%s"'
HEAD, WORKER = NODE % ("head", "01"), NODE % ("worker", "02")
GPU = HEAD + ', GpuIndex="0"'
CASES = {
    # Values at 0 s, 10 s …; what fires at the given moment.
    "all is well": (
        {
            f"up{{{HEAD}}}": "1x90",
            f"up{{{WORKER}}}": "1x90",
            f"ray_node_mem_used{{{HEAD}}}": "5x90",
            f"ray_node_gram_used{{{GPU}}}": "90x90",
            f"ray_node_gram_available{{{GPU}}}": "10x90",
        },
        "15m",
        [],
    ),
    "the worker is gone": (
        {f"up{{{HEAD}}}": "1x90", f"up{{{WORKER}}}": "1x30 0x60", f"ray_node_mem_used{{{HEAD}}}": "5x90"},
        "7m",
        ["RayNodeGone"],
    ),
    "a hiccup of the worker": (
        {f"up{{{HEAD}}}": "1x90", f"up{{{WORKER}}}": "1x30 0x3 1x60", f"ray_node_mem_used{{{HEAD}}}": "5x90"},
        "5m30s",
        [],
    ),
    "the tunnel is down": (
        {f"up{{{HEAD}}}": "1x30 0x60", f"up{{{WORKER}}}": "1x30 0x60", f"ray_node_mem_used{{{HEAD}}}": "5x30 stale"},
        "15m",
        ["RayClusterStale", "RayScrapeDown"],
    ),
    "the pages come without figures": (
        {f"up{{{HEAD}}}": "1x90", f"up{{{WORKER}}}": "1x90", f"ray_node_mem_used{{{HEAD}}}": "5x30 stale"},
        "15m",
        ["RayClusterStale"],
    ),
    "figures stopped more than an hour ago": (
        {f"up{{{HEAD}}}": "1x600", f"ray_node_mem_used{{{HEAD}}}": "5x30 stale"},
        "90m",
        ["RayClusterStale"],
    ),
    "about an hour after figures stopped": (
        {f"up{{{HEAD}}}": "1x600", f"ray_node_mem_used{{{HEAD}}}": "5x30 stale"},
        "65m10s",
        ["RayClusterStale"],
    ),
    "a cluster that never had figures": ({f"up{{{HEAD}}}": "1x90"}, "5m", ["RayClusterStale"]),
    "a cluster whose figures are about to come": (
        {f"up{{{HEAD}}}": "1x90", f"ray_node_mem_used{{{HEAD}}}": "_x2 5x90"},
        "5m",
        [],
    ),
    "a full GPU of somebody else's": (
        {'ray_node_gram_used{GpuIndex="0"}': "97x90", 'ray_node_gram_available{GpuIndex="0"}': "3x90"},
        "12m",
        [],
    ),
    "a GPU's memory is full": (
        {
            f"up{{{HEAD}}}": "1x90",
            f"ray_node_mem_used{{{HEAD}}}": "5x90",
            f"ray_node_gram_used{{{GPU}}}": "50x30 97x60",
            f"ray_node_gram_available{{{GPU}}}": "50x30 3x60",
        },
        "12m",
        ["RayGpuMemoryFull"],
    ),
    "a node without a GPU": (
        {
            f"up{{{HEAD}}}": "1x90",
            f"ray_node_mem_used{{{HEAD}}}": "5x90",
            f"ray_node_gram_used{{{GPU}}}": "0x90",
            f"ray_node_gram_available{{{GPU}}}": "0x90",
        },
        "12m",
        [],
    ),
}
ALERTS = ["RayNodeGone", "RayScrapeDown", "RayGpuMemoryFull", "RayClusterStale"]


@pytest.fixture(scope="session")
def promtool(program):
    return program("promtool", "prometheus")


def test_promtool_takes_configuration_and_rules(promtool, call, written):
    told = call(promtool, "check", "config", written / "prometheus/prometheus.yml")
    assert "1 rule files found" in told
    assert f"{len(ALERTS)} rules found" in call(promtool, "check", "rules", written / "prometheus/alerts.yml")


def held(values):
    """Spell ``5x30`` as promtool does: five, held for 30 more steps."""
    return " ".join(part if part.startswith("_") else part.replace("x", "+0x") for part in values.split())


@pytest.mark.parametrize("name", CASES)
def test_alerts_come_when_they_should(promtool, call, written, tmp_path, name):
    series, moment, firing = CASES[name]
    rules = yaml.safe_load((written / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
    query = 'count by (alertname) (ALERTS{alertstate="firing"})'
    expected = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in firing]
    document = {
        "rule_files": [str(written / "prometheus/alerts.yml")],
        "evaluation_interval": "10s",
        "tests": [
            {
                "interval": "10s",
                "input_series": [{"series": key, "values": held(values)} for key, values in series.items()],
                "promql_expr_test": [{"expr": query, "eval_time": moment, "exp_samples": expected}],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(document))
    call(promtool, "test", "rules", tmp_path / "test.yml")
    assert [rule["alert"] for rule in rules] == ALERTS


def test_a_jobs_name_is_the_services_so_one_selector_fits_both_servers(documents, config_of, examples):
    (document,) = documents("prometheus/prometheus.yml")
    jobs = {job["job_name"]: job["static_configs"][0] for job in document["scrape_configs"]}
    config = config_of((examples / "clusters.toml").read_text())
    for spec in config.clusters[1:]:
        prefix = spec.series["job"].removesuffix("(head|worker)")
        for end in ("head", "worker"):
            assert jobs.pop(prefix + end)["labels"] == {"ray_cluster": spec.name}
    assert jobs == {}


@pytest.mark.parametrize(
    ("stopped", "told"), [(True, "The newest is 9m 50s old: "), (False, "There are none of the last hour: ")]
)
def test_a_stale_clusters_alert_says_how_old_its_figures_are(promtool, call, written, tmp_path, stopped, told):
    series = [{"series": f"up{{{HEAD}}}", "values": "1+0x90"}]
    if stopped:
        series.append({"series": f"ray_node_mem_used{{{HEAD}}}", "values": "5+0x1 stale"})
    alert = {
        "exp_labels": {"severity": "warning", "ray_cluster": "local-1"},
        "exp_annotations": {
            "summary": "Figures of local-1 are old",
            "description": told + "what dashboards show is not the present.",
        },
    }
    document = {
        "rule_files": [str(written / "prometheus/alerts.yml")],
        "evaluation_interval": "10s",
        "tests": [
            {
                "interval": "10s",
                "input_series": series,
                "alert_rule_test": [{"eval_time": "10m", "alertname": "RayClusterStale", "exp_alerts": [alert]}],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(document))
    call(promtool, "test", "rules", tmp_path / "test.yml")
