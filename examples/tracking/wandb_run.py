"""Records a finished run in Weights & Biases: `python wandb_run.py RUN`; or `WANDB_MODE=offline`."""

import json
import sys
from pathlib import Path

import wandb

run = Path(sys.argv[1])
metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
history = [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]
settings = {name: metrics[name] for name in ("task", "seed", "classes", "recommended", "reason")}
with wandb.init(project="pellucid", name=run.resolve().name, config=settings) as record:
    for epoch in history:
        numbers = {name: value for name, value in epoch.items() if isinstance(value, int | float)}
        record.log(numbers, step=epoch["epoch"])
    for model, scores in metrics["models"].items():
        for name, each in scores["test"].items():
            record.summary[f"{model}/test/{name}"] = each["value"]
            record.summary[f"{model}/test/{name}_low"] = each["low"]
            record.summary[f"{model}/test/{name}_high"] = each["high"]
    record.save(str(run / "report.html"), base_path=str(run), policy="now")
