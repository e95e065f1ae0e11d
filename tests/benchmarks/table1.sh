#!/bin/sh
# Table 1 of the paper, from the pairs of a build folder: trains GFRNet, its variants and two other networks for a while,
# degrades the test sets at 4x and 8x, scores everything, prints the table, draws the page.
#
#   tests/benchmarks/table1.sh PAIRS OUT [STEPS [DEVICE [gfr-train's further options ...]]]
#
# PAIRS is what gfr-data build-pairs wrote. STEPS (300) of the demo preset on the CPU (DEVICE: cpu) show the road, no
# more; the paper's numbers want its data, `--preset paper` without --set max_steps, and days.
# Stopped anywhere, the same command continues.
set -eu

if [ $# -lt 2 ]; then
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
pairs=$1 out=$2 steps=${3:-300} device=${4:-cpu}
shift $(($# < 4 ? $# : 4))

for scale in 4 8; do
  gfr-data degrade "$pairs" --out "$out/degraded/$scale" --scale "$scale"
done

# demo trains at one scale and spends its first steps on WarpNet; these are tested at two, and are short.
set -- --preset demo --device "$device" --set "max_steps=$steps" --set scale=1:0.1:8 --set warp_epochs=4 "$@"
runs=""
for variant in full -F -W -WG -W2 -WG2; do
  echo "== GFRNet ($variant) =="
  gfr-train "$pairs" --out "$out/runs/gfrnet$variant" --variant="$variant" "$@"
  runs="$runs --run GFRNet($variant)=$out/runs/gfrnet$variant"
done
for model in srcnn marcnn; do
  echo "== $model =="
  gfr-train "$pairs" --out "$out/runs/$model" --model "$model" "$@"
  runs="$runs --run $model=$out/runs/$model"
done

# shellcheck disable=SC2086  # a list of options, without spaces in them
gfr-eval score "$out/degraded/4" "$out/degraded/8" $runs --out "$out/scores" --device "$device"
gfr-eval score "$out/degraded/4" "$out/degraded/8" --run "GFRNet(full)=$out/runs/gfrnetfull" --random-guide \
  --out "$out/scores" --device "$device"
gfr-eval table "$out/scores"
gfr-eval table "$out/scores" --compare "GFRNet(full)" "GFRNet(-WG)"
gfr-eval report "$out/scores"
