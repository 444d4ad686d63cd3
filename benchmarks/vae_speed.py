"""Training speed of one and the same variational autoencoder in Keras on TensorFlow and in Pellucid.

    python benchmarks/vae_speed.py [DATA] [--rounds 5] [--steps 60]

As `training_speed.py`: processes of their own that take turns epoch by epoch, in fp32 with all cores. The
network is that of `--model vae` at 28 x 28 pixels without classes, with one normal distribution as its
prior, and the loss that of the sigma-VAE, in bits per dimension.

Takes: about 3 minutes on two cores; `pip install keras tensorflow-cpu` beside Pellucid.
"""

import sys

from contest import held, show
from contestants import GENERATOR_CONTESTANTS
from measuring import command_line, heading, summary, write_json
from training_speed import cut

OURS = "pellucid-vae"


def main() -> int:
    """Measure and print a table; 0 when both networks have the same number of parameters, else 1."""
    parser = command_line(__doc__)
    parser.add_argument("data", nargs="?", default="sample:fashion", help="default: sample:fashion")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="steps per contestant and round (default: 60)")
    parser.add_argument("--batch", type=int, default=128)
    arguments = parser.parse_args()

    facts = heading(("pellucid", "torch", "keras", "tensorflow-cpu", "numpy"))
    data = cut(arguments.data, arguments.batch, arguments.steps, 8)
    workers, missing = held(GENERATOR_CONTESTANTS, data, arguments.rounds)
    counts = {name: worker.parameters for name, worker in workers.items()}
    print(f"n = {arguments.rounds} rounds of {arguments.steps} steps of {arguments.batch} images")
    print(f"trainable parameters: {counts}\n")
    show(GENERATOR_CONTESTANTS, workers, missing, OURS, "images")
    speeds = {name: summary(worker.speeds) for name, worker in workers.items()}
    write_json(
        arguments.json, {**facts, "parameters": counts, "images_per_second": speeds, "missing": missing}
    )
    return 0 if len(set(counts.values())) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
