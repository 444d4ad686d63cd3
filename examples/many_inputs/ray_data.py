"""Labels the PNG files of a folder by Ray Data.

python ray_data.py MODEL.onnx FOLDER OUT [CPUS]
"""

import os
import sys
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before Ray is imported: by default it reports its usage
import ray

from pellucid.ray import Predictor

model, folder, out, *cpus = sys.argv[1:]
ray.init(num_cpus=int(cpus[0]) if cpus else None, include_dashboard=False)
workers = int(ray.cluster_resources()["CPU"])
ray.data.DataContext.get_current().execution_options.preserve_order = True  # by default it is lost
paths = [{"path": str(path)} for path in sorted(Path(folder).resolve().rglob("*.png"))]
images = ray.data.from_items(paths, override_num_blocks=max(1, len(paths) // 1024))
answers = images.map_batches(
    Predictor,
    fn_constructor_args=(model, "path"),
    batch_size=1024,
    compute=ray.data.ActorPoolStrategy(size=workers),
    num_cpus=0.5,  # actors that take every CPU leave none to read and write with: the job hangs for ever
)
answers.write_parquet(out)
