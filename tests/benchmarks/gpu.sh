#!/bin/sh
# All that waits for a GPU, within ten minutes: whether it computes what the CPU does, and how fast it degrades, finds
# faces and landmarks, trains and restores, beside what one would use otherwise. Writes OUT/gpu.md and OUT/gpu.json.
#
#   tests/benchmarks/gpu.sh OUT [--device cuda] [--minutes 10] [--only PART] [--quick]
#
# Stopped anywhere, the same command continues. A part that fails is a row with its reason. Images are rendered or random;
# nothing is downloaded. On a machine without network, packages come as wheels: those in the folder that WHEELS names
# (default: wheels, beside the checkout's README.md, where there is one) are unpacked into OUT/site and found there alone:
#
#   pip download --no-deps --only-binary=:all: -d wheels kornia==0.9.0 kornia-rs==0.2.0 face-alignment==1.5.0 mtcnn==1.0.0
#
# and, where they lack there, pydantic pydantic-core annotated-types typing-inspection tabulate lz4; add --python-version
# and --platform where that machine has others. PYTHON names the interpreter that has torch (default: python3).
set -eu

if [ $# -lt 1 ]; then
  sed -n '2,15s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3} wheels=${WHEELS:-wheels}

if [ -d "$wheels" ]; then
  # Onto what is there, so that the same command may bring further ones.
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --upgrade --target "$out/site" "$wheels"/*.whl
  export PYTHONPATH="$out/site${PYTHONPATH:+:$PYTHONPATH}"
fi
# What torch.compile made before it was cut is there when it is tried again.
export TORCHINDUCTOR_CACHE_DIR="${TORCHINDUCTOR_CACHE_DIR:-$out/compiled}"
exec "$python" -m tests.benchmarks.gpu "$out" "$@"
