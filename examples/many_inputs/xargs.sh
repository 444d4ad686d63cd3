#!/bin/sh
# Labels INPUT by N processes of this machine: sh xargs.sh RUN INPUT FILE N
# Killed or interrupted, the same line goes on; finished parts are left as they are.
set -eu
run=$1 input=$2 file=$3 n=$4
export OMP_NUM_THREADS=1  # N processes of one thread each
seq "$n" | xargs -P "$n" -I '{}' pellucid predict "$run" "$input" --out "$file" --shard "{}/$n" --resume
pellucid predict --merge "$file"
