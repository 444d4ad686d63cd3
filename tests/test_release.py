"""A release: one version, wheels from their source archives, checksums, citation, workflows."""

import hashlib
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile

import checksums
import pytest
import try_release
import write_reference
import yaml

from pellucid import __version__

ROOT = write_reference.ROOT
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MOST_LINES = 40


def _read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_changelog_says_in_few_lines_what_this_version_gains():
    sections = re.findall(r"^## \[(\d[^\]]*)\] - (\d{4}-\d\d-\d\d)\n(.*?)(?=^## |\Z)", CHANGELOG, re.M | re.S)
    version, date, text = sections[0]
    assert version == __version__
    assert len(text.strip().splitlines()) <= MOST_LINES
    citation = _read(ROOT / "CITATION.cff")
    assert (citation["version"], str(citation["date-released"])) == (version, date)


def test_the_security_policy_supports_this_version():
    minor = __version__.rpartition(".")[0]
    policy = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert f"| {minor}.x | yes" in policy
    for place in re.findall(r"\]\(([^)#]+)", policy):
        assert (ROOT / place).is_file(), place


def test_every_declared_python_is_tested_and_documented():
    versions = try_release.declared_pythons()
    least = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert versions[0] == least.removeprefix(">=")
    matrix = _read(ROOT / ".github" / "workflows" / "test.yml")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == versions
    (gitlab,) = _read(ROOT / ".gitlab-ci.yml")["test"]["parallel"]["matrix"]
    assert gitlab["PYTHON_VERSION"] == versions
    releases = (ROOT / "docs" / "releases.md").read_text(encoding="utf-8")
    assert f"{versions[0]} to {versions[-1]}" in releases


def test_the_usual_ci_calls_targets_that_exist():
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    jobs = [job for path in WORKFLOWS for job in _read(path)["jobs"].values()]
    scripts = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    gitlab = _read(ROOT / ".gitlab-ci.yml")
    scripts += [line for job in gitlab.values() if isinstance(job, dict) for line in job.get("script", ())]
    called = {
        word
        for script in scripts
        for words in re.findall(r"^make (.*)$", script, re.MULTILINE)
        for word in words.split()
        if "=" not in word
    }
    assert {"lint", "test", "test-all", "release", "release-check"} <= called <= targets


def test_actions_are_pinned_by_commit_and_jobs_have_no_more_rights_than_they_name():
    for path in WORKFLOWS:
        text = path.read_text(encoding="utf-8")
        uses = re.findall(r"uses: (.*)", text)
        assert uses
        assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in uses), uses
        workflow = _read(path)
        assert workflow["permissions"] == {}
        assert all("permissions" in job for job in workflow["jobs"].values())
        assert "password" not in text.replace("No password", "")


def test_checksums_are_those_that_sha256sum_reads(tmp_path):
    (tmp_path / "b.whl").write_bytes(b"second")
    (tmp_path / "a.tar.gz").write_bytes(b"first")
    written = checksums.write_checksums(tmp_path).read_text()
    assert checksums.write_checksums(tmp_path).read_text() == written  # its own file is left out
    first, second = (hashlib.sha256(each).hexdigest() for each in (b"first", b"second"))
    assert written == f"{first}  a.tar.gz\n{second}  b.whl\n"


def test_wheels_of_two_versions_are_not_tried(tmp_path):
    for name in ("pellucid-0.2.0", "pellucid_runtime-0.1.0"):
        (tmp_path / f"{name}-py3-none-any.whl").touch()
    with pytest.raises(SystemExit, match="no wheels of one version; run make wheels"):
        try_release.built_version(tmp_path)


def test_an_interpreter_that_is_not_here_is_said_so(tmp_path):
    for name in ("pellucid", "pellucid_runtime"):
        (tmp_path / f"{name}-0.2.0-py3-none-any.whl").touch()
    command = [
        sys.executable,
        ROOT / "tools" / "try_release.py",
        "--dist",
        tmp_path,
        "--python",
        "python3.99",
    ]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.stdout == "python3.99: not here, not tried\n"
    assert done.stderr == "error: no interpreter was tried\n"
    assert done.returncode == 1


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Both distributions built twice, as source archives and from these as wheels; two folders."""
    pytest.importorskip("hatchling", reason="needs hatchling")
    folders = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("built")
        for source in (ROOT, ROOT / "tools" / "runtime_distribution"):
            _hatch(source, "sdist", folder)
        for archive in list(folder.glob("*.tar.gz")):
            unpacked = tmp_path_factory.mktemp("unpacked")
            with tarfile.open(archive) as file:
                file.extractall(unpacked, filter="data")
            (source,) = unpacked.iterdir()
            _hatch(source, "wheel", folder)
        folders.append(folder)
    return folders


def _hatch(source, target, folder):
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_same_source_gives_the_same_bytes(built):
    first, second = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in built)
    assert set(first) == {
        f"{name}-{__version__}{end}"
        for name in ("pellucid", "pellucid_runtime")
        for end in (".tar.gz", "-py3-none-any.whl")
    }
    assert first == second


@pytest.mark.slow
def test_wheels_hold_every_file_of_the_package_and_nothing_else(built):
    package = ROOT / "src" / "pellucid"
    here = {str(path.relative_to(ROOT / "src")) for path in package.rglob("*") if path.is_file()}
    here = {name for name in here if "__pycache__" not in name and not name.endswith(".po")}
    for name, before in (("pellucid", ""), ("pellucid_runtime", "pellucid_runtime/")):
        with zipfile.ZipFile(built[0] / f"{name}-{__version__}-py3-none-any.whl") as wheel:
            names = [each for each in wheel.namelist() if ".dist-info/" not in each]
            metadata = wheel.read(f"{name}-{__version__}.dist-info/METADATA").decode()
        assert f"\nVersion: {__version__}\n" in metadata
        modules = {each.removeprefix(before) for each in names if "pellucid/" in each}
        assert modules == here if name == "pellucid" else modules < here
