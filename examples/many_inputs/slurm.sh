#!/bin/sh
# Labels INPUT by an array job of 8 shards, then merges:
#   parts=$(sbatch --parsable --array=1-8 slurm.sh RUN INPUT FILE 8)
#   sbatch --dependency="afterok:$parts" --wrap "pellucid predict --merge FILE"
# A part that is missing: sbatch --array=3 slurm.sh RUN INPUT FILE 8
#SBATCH --cpus-per-task=4
#SBATCH --requeue
set -eu
export OMP_NUM_THREADS="$SLURM_CPUS_PER_TASK"
exec pellucid predict "$1" "$2" --out "$3" --shard "$SLURM_ARRAY_TASK_ID/$4" --resume
