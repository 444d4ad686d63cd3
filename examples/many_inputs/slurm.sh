#!/bin/sh
# Labels INPUT by an array job, then merges: parts=$(sbatch --parsable slurm.sh RUN INPUT FILE)
#   sbatch --dependency="afterok:$parts" --wrap "pellucid predict --merge FILE"
#SBATCH --array=1-8
#SBATCH --cpus-per-task=4
#SBATCH --requeue
set -eu
export OMP_NUM_THREADS="$SLURM_CPUS_PER_TASK"
exec pellucid predict "$1" "$2" --out "$3" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --resume
