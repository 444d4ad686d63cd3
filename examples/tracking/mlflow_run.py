"""Records a finished run in MLflow: `python mlflow_run.py RUN [TRACKING_URI]`, by default `sqlite:///mlflow.db`."""

import json
import os
import sys
from pathlib import Path

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # before MLflow is imported: by default it reports its usage
import mlflow

run = Path(sys.argv[1])
mlflow.set_tracking_uri(sys.argv[2] if len(sys.argv) > 2 else "sqlite:///mlflow.db")
metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
history = [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]
mlflow.set_experiment("pellucid")
with mlflow.start_run(run_name=run.resolve().name, description=metrics["reason"]):
    mlflow.log_params(
        {"task": metrics["task"], "seed": metrics["seed"], "recommended": metrics["recommended"]}
    )
    for epoch in history:
        numbers = {name: value for name, value in epoch.items() if isinstance(value, int | float)}
        mlflow.log_metrics(numbers, step=epoch["epoch"])
    for model, scores in metrics["models"].items():
        mlflow.log_metrics({f"{model}/test/{name}": each["value"] for name, each in scores["test"].items()})
    mlflow.log_artifact(str(run / "report.html"))
