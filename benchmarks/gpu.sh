#!/bin/bash
# All that a GPU is needed for, within 8 minutes on one; installs and downloads nothing.
#   SAIBENCH_DATA_DIR=… bash benchmarks/gpu.sh [OUT]      OUT/gpu.md, gpu.json and gpu.log
#   SMALL=1 bash benchmarks/gpu.sh [OUT]                  small sizes, on a CPU where there is no GPU
#   PYTHON=… bash benchmarks/gpu.sh [OUT] --parts metrics inference
set -eu
cd "$(dirname "$0")/.."
exec "${PYTHON:-python3}" -m benchmarks.gpu ${SMALL:+--small} "$@"
