"""The house's walls: import contracts hold, and planted violations prove that they bite."""

import ast
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "scantrail"
MODULES = sorted(SOURCE.rglob("*.py"))


def lint(folder):
    """Run import-linter on a copy of the package in `folder`."""
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--config", str(ROOT / ".importlinter")],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def house(tmp_path):
    shutil.copytree(SOURCE, tmp_path / "scantrail", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_contracts_hold(house):
    result = lint(house)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("utils.py", "import json", "Imports run one way"),
        ("features/travel.py", "import scantrail.pipeline", "Imports run one way"),
        ("vocabulary/chain.py", "import scantrail.sites", "Imports run one way"),
        (
            "detectors/rules/jump.py",
            "import scantrail.detectors.rules.loc_err",
            "Rules don't import rules",
        ),
        ("wiring.py", "import fastapi", "FastAPI, pydantic and Typer stay at the edge"),
        ("pipeline.py", "import torch", "Scoring needs neither torch nor scikit-learn"),
        ("detectors/lstm/ngram.py", "import torch", "Scoring needs neither torch nor scikit-learn"),
        ("features/travel.py", "import onnxruntime", "Only detectors run ONNX"),
        ("summary.py", "import matplotlib", "Only pages draw"),
        ("registry.py", "import mlflow", "Only tracking talks to MLflow"),
        ("wiring.py", "import scantrail.training.fit", "What scores never reaches what trains"),
        (
            "detectors/svm/model.py",
            "import sklearn",
            "Scoring needs neither torch nor scikit-learn",
        ),
        (
            "serve/views.py",
            "import scantrail.stores.database",
            "Only wiring picks readers and stores",
        ),
    ],
)
def test_a_planted_violation_is_found(house, module, line, contract):
    path = house / "scantrail" / module
    text = path.read_text(encoding="utf-8") if path.exists() else '"""A stray module."""\n'
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    result = lint(house)
    assert result.returncode == 1
    said = re.sub(r"\s+", " ", result.stdout + result.stderr)
    assert f"{contract} BROKEN" in said or "utils" in said


def test_modules_are_short_and_functions_too():
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES]
    assert statistics.quantiles(lengths, n=10)[-1] <= 300
    long = [
        f"{path.name}:{node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        # commands and endpoints are mostly signatures
        and not path.name.startswith("cli")
        and path.name != "telling.py"
        and path.parent.name != "versions"  # migrations list tables
        and node.end_lineno - node.lineno >= 45
    ]
    assert long == []


def test_nothing_unpickles_or_evaluates():
    banned = re.compile(r"\b(pickle|joblib|marshal)\b|(?<![\w.])(eval|exec)\(")
    found = [path.name for path in MODULES if banned.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_scoring_is_light():
    code = "import sys, scantrail.pipeline, scantrail.wiring; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "sklearn", "fastapi", "pydantic", "pandas"}
