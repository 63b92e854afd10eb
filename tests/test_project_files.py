"""Workflows, manifests and templates parse, and refer to files, commands and options that exist."""

import configparser
import importlib.util
import json
import re
import shlex
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import seqbayes
from seqbayes.console.commands import build_parser
from seqbayes.stream.config import parse_config

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: install the extra 'test'")

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
YAML = [
    *WORKFLOWS,
    *sorted((ROOT / ".github").glob("*.yml")),
    *sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")),
    *sorted((ROOT / "deploy").rglob("*.yaml")),
    ROOT / "CITATION.cff",
]
FILES = re.compile(r"(?<![\w/])(?:\.ci|deploy|tests|src|docs|benchmarks|demos)/[\w./-]*\w")
ACTION = re.compile(r"[\w-]+/[\w-]+(/[\w-]+)*@(v\d+(\.\d+)*|release/v\d+)")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def load(path):
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all(read(path)))


def script(path):
    """Return a script outside the package as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", YAML, ids=name_of)
def test_yaml_files_are_mappings(path):
    documents = load(path)
    assert documents
    assert all(isinstance(document, dict) for document in documents)


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_workflows_use_versioned_actions_and_existing_files(path):
    [workflow] = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if "uses" in step:
                assert ACTION.fullmatch(step["uses"]), step
            else:
                missing = [f for f in FILES.findall(step["run"]) if not (ROOT / f).exists()]
                assert not missing
    for needed in (need for job in workflow["jobs"].values() for need in job.get("needs", ())):
        assert needed in workflow["jobs"]


def test_the_release_job_publishes_without_a_password():
    [workflow] = load(".github/workflows/release.yml")
    publish = workflow["jobs"]["publish"]
    assert publish["permissions"]["id-token"] == "write"
    assert publish["if"] == "github.ref_type == 'tag'"
    assert "secrets." not in read(".github/workflows/release.yml")


def test_wheels_are_built_for_the_classified_versions():
    built = re.findall(r"cp3(\d+)-", PROJECT["tool"]["cibuildwheel"]["build"])
    classifiers = "\n".join(PROJECT["project"]["classifiers"])
    assert built == re.findall(r"Python :: 3\.(\d+)$", classifiers, re.MULTILINE)
    for path in FILES.findall(PROJECT["tool"]["cibuildwheel"]["test-command"]):
        assert (ROOT / path).exists(), path


def test_code_owners_own_existing_files():
    for line in read(".github/CODEOWNERS").splitlines():
        if line and not line.startswith("#"):
            pattern, *owners = line.split()
            assert pattern == "*" or (ROOT / pattern.strip("/")).exists(), pattern
            assert owners
            assert all(owner.startswith("@") for owner in owners)


def extras_of(text):
    """Return the extras in requirements such as `.[a,b]` or `seqbayes[a]`."""
    return {
        e for found in re.findall(r"(?:\.|seqbayes)\[([\w,]+)\]", text) for e in found.split(",")
    }


def test_documented_extras_of_workflows_and_deployments_exist():
    known = set(PROJECT["project"]["optional-dependencies"])
    places = [*WORKFLOWS, *(ROOT / "deploy").rglob("*.*"), ROOT / "deploy/Dockerfile"]
    for path in places:
        if path.is_file() and path.suffix != ".pyc":
            assert extras_of(read(path)) <= known, path


def test_the_image_copies_existing_files_and_runs_a_valid_command():
    text = read("deploy/Dockerfile").replace("\\\n", " ")
    for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists(), source
    [command] = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    words = json.loads(command)
    build_parser(words[0]).parse_args(words)
    users = re.findall(r"^USER (.*)$", text, re.MULTILINE)
    assert users == ["10001"]
    assert "HEALTHCHECK" in text


def test_the_unit_runs_a_valid_command_with_a_watchdog():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string(read("deploy/seqbayes.service"))
    service = unit["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert Path(program).name == "seqbayes"
    build_parser(words[0]).parse_args(words)
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) > 0


def test_the_manifest_runs_a_valid_command_as_the_user_of_the_image():
    documents = {document["kind"]: document for document in load("deploy/kubernetes.yaml")}
    config = documents["ConfigMap"]["data"]["seqbayes.toml"]
    assert parse_config(config.encode()).store == "beliefs.db"
    pod = documents["StatefulSet"]["spec"]["template"]["spec"]
    assert documents["StatefulSet"]["spec"]["replicas"] == 1, "a store has one writer"
    [container] = pod["containers"]
    arguments = build_parser(container["args"][0]).parse_args(container["args"])
    [port] = container["ports"]
    assert port["containerPort"] == arguments.port
    assert documents["Service"]["spec"]["ports"][0]["port"] == arguments.port
    dockerfile = read("deploy/Dockerfile")
    assert f"USER {pod['securityContext']['runAsUser']}" in dockerfile
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert json.dumps(container["livenessProbe"]["exec"]["command"]) in dockerfile
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    claimed = {
        each["metadata"]["name"]
        for each in documents["StatefulSet"]["spec"]["volumeClaimTemplates"]
    }
    assert mounts == {volume["name"] for volume in pod["volumes"]} | claimed


def test_the_manifest_of_a_group_replaces_one_ready_runner_at_a_time():
    documents = load("deploy/kubernetes-group.yaml")
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in documents}
    [config] = [each for each in documents if each["kind"] == "ConfigMap"]
    text = config["data"]["seqbayes.toml"].replace("${STORE_PASSWORD}", "secret")
    runner = by_name["Deployment", "seqbayes-runner"]["spec"]
    assert runner["replicas"] <= len(parse_config(text.encode()).group.partitions)
    assert runner["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert by_name["PodDisruptionBudget", "seqbayes-runner"]["spec"]["maxUnavailable"] == 1
    pod = runner["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > 60
    [container] = pod["containers"]
    folder = container["command"][2]
    assert container["command"] == ["python", "/opt/seqbayes/supervise.py", folder, "seqbayes"]
    assert container["readinessProbe"]["exec"]["command"] == ["test", "-e", f"{folder}/ready"]
    assert container["livenessProbe"]["exec"]["command"][-2:] == ["--alive", folder]
    assert "deploy/supervise.py" in read("deploy/Dockerfile")
    build_parser(container["args"][0]).parse_args(container["args"])
    page = by_name["Deployment", "seqbayes-page"]["spec"]["template"]["spec"]
    [served] = page["containers"]
    arguments = build_parser("serve").parse_args(served["args"])
    assert served["ports"][0]["containerPort"] == arguments.port
    for each in (pod, page):
        assert f"USER {each['securityContext']['runAsUser']}" in read("deploy/Dockerfile")
        mounts = each["containers"][0]["volumeMounts"]
        assert {m["name"] for m in mounts} == {volume["name"] for volume in each["volumes"]}
    secret = {
        entry["valueFrom"]["secretKeyRef"]["key"]
        for each in (container, served)
        for entry in each["env"]
    }
    assert secret == {"token", "password"}


def test_the_recipe_agrees_with_the_metadata():
    [recipe] = load("deploy/conda-forge/recipe.yaml")
    assert recipe["context"]["version"] == seqbayes.__version__
    run = {line.replace(" ", "") for line in recipe["requirements"]["run"] if line != "python"}
    assert run == set(PROJECT["project"]["dependencies"])
    host = {line.replace(" ", "").lower() for line in recipe["requirements"]["host"]}
    assert {line.lower() for line in PROJECT["build-system"]["requires"]} <= host
    assert recipe["about"]["license"] == PROJECT["project"]["license"]
    [_, commands] = recipe["tests"]
    for command in commands["script"]:
        words = shlex.split(command)[1:]
        if words != ["--version"]:
            build_parser(words[0]).parse_args(words)


def test_release_notes_are_refused_unless_everything_agrees(tmp_path, monkeypatch):
    notes = script(".ci/release_notes.py")
    current = f"v{seqbayes.__version__}"
    with pytest.raises(SystemExit, match=r"v9\.9\.9 differs from the version"):
        notes.main("v9.9.9", tmp_path)
    (tmp_path / "faster.changed.md").write_text("Faster.")
    with pytest.raises(SystemExit, match=r"faster\.changed\.md.*towncrier build"):
        notes.main(current, tmp_path)
    (tmp_path / "faster.changed.md").unlink()
    monkeypatch.setattr(notes, "sections", lambda: {"0.0.1": "Older."})
    with pytest.raises(SystemExit, match=r"is 0\.0\.1, not"):
        notes.main(current, tmp_path)
    monkeypatch.setattr(notes, "sections", lambda: {seqbayes.__version__: "Newest."})
    assert notes.main(current, tmp_path) == "Newest."


def test_release_notes_contain_the_section_of_each_version():
    sections = script(".ci/release_notes.py").sections()
    assert "0.1.0" in sections
    assert "seqbayes replay mms" in sections["0.1.0"]


class Health(BaseHTTPRequestHandler):
    """Answers with the health that the server holds, to the owner of the token only."""

    def do_GET(self):
        allowed = self.headers["Authorization"] == "Bearer of the tests"
        self.send_response(200 if allowed and self.path == "/api/health" else 401)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.health).encode())

    def log_message(self, *words):
        pass


@pytest.fixture
def health_server():
    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", ["ok", "stalled", "stopped"])
def test_the_health_check_fails_only_for_a_stopped_pipeline(status, health_server, monkeypatch):
    monkeypatch.setenv("SEQBAYES_TOKEN", "of the tests")
    health_server.health = {"status": status, "error": "the disk is full"}
    reason = script("deploy/health.py").main(f"http://127.0.0.1:{health_server.server_port}/")
    if status == "stopped":
        assert reason == "the pipeline has stopped: the disk is full"
    else:
        assert reason is None


def test_the_health_check_fails_without_an_answer_or_with_a_wrong_token(health_server, monkeypatch):
    monkeypatch.setenv("SEQBAYES_TOKEN", "another")
    health_server.health = {"status": "ok"}
    check = script("deploy/health.py").main
    assert "401" in check(f"http://127.0.0.1:{health_server.server_port}")
    assert "does not answer" in check("http://127.0.0.1:1")
