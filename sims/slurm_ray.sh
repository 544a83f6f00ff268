#!/bin/bash
#SBATCH --job-name=kbsc
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --time=08:00:00
# One sweep over all nodes of a Slurm allocation: starts Ray on them, sweeps, and stops Ray again.
#
#   sbatch sims/slurm_ray.sh sims/ofdm_tdl.yaml --out results/mine
#
# The clone, its .venv, the results folder and KBSC_CACHE must lie on a file system that all nodes share. With GPUs, ask
# for them (#SBATCH --gpus-per-node=4) and let each point have one: RESOURCES='num_cpus: 8, num_gpus: 1' sbatch ...
# A job that runs out of time loses the points in flight: submit the same line again and it goes on.
set -euo pipefail
source "${VENV:-.venv}/bin/activate"
resources=${RESOURCES:-num_cpus: 2}
port=${PORT:-6379}
export OMP_WAIT_POLICY=PASSIVE RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_MODE=token
ray get-auth-token --generate > /dev/null || true # into ~/.ray, for all nodes; older versions of Ray have no tokens

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{print $1}'):$port
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT

# --block keeps Slurm's step, and with it the node's share of the cluster, alive until this script ends.
srun --nodes=1 --ntasks=1 --nodelist="$head" \
    ray start --head --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" --include-dashboard=false --block > /dev/null &
others=$((SLURM_JOB_NUM_NODES - 1))
if [ "$others" -gt 0 ]; then
    srun --nodes="$others" --ntasks="$others" --exclude="$head" \
        ray start --address="$address" --num-cpus="$SLURM_CPUS_PER_TASK" --block > /dev/null &
fi
until [ "$(ray status --address="$address" 2> /dev/null | grep -c ' node_')" -ge "$SLURM_JOB_NUM_NODES" ]; do sleep 2; done

kbsc run "$@" --set "executor={kind: ray, address: auto, $resources}" # this script runs on the head
