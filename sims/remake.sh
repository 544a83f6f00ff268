#!/usr/bin/env bash
# Remake a folder of results/ from its data: sims/remake.sh NAME     (without NAME: which there are)
#
# Works from a clean commit, in remade/NAME, and goes on there where it was stopped at this commit; then replaces results/NAME by the
# records, run.json and the pictures that its README shows, writes that README, results/index.json and results/README.md.
# Data: $KBSC_SETS (default ../sets) holds cifar10 (train and test as folders of classes), cifar100 (its archive), tiny
# (Tiny-ImageNet-100 as train and val), features/real_0.npz to real_2.npz (real CLIP) and features/synthetic_0.npz to
# synthetic_2.npz, kodak (PNG files) and deepjscc (a checkout of Deep-JSCC-PyTorch), as far as NAME needs them.
# kodak sends by the networks of remade/neural_baselines, which is made before it.
set -euo pipefail
cd "$(dirname "$0")/.."
SETS=${KBSC_SETS:-../sets}
PATH=$PWD/.venv/bin:$PATH
NAME=${1:-}

run() { # run SUBFOLDER FILE [OPTIONS]: one experiment into remade/NAME/SUBFOLDER
  local out=remade/$NAME${1:+/$1} file=$2
  shift 2
  kbsc run "$file" --out "$out" --set sweep.latency=false "$@" # which no page shows, and make bench measures
}
cifar10=(--set data.source=folder --set "data.path=$SETS/cifar10")
cifar100=(--set "data.path=$SETS/cifar100" --set features.model=small)
tiny=(--set "data.path=$SETS/tiny")

make_adaptive() {
  local seed
  for seed in 0 1 2; do
    run "bench_seed$seed" sims/adaptive.yaml --set "features.file=$SETS/features/synthetic_$seed.npz"
  done
  run cifar10 sims/adaptive_cifar10.yaml "${cifar10[@]}"
  run tiny_imagenet_100 sims/adaptive_tiny_imagenet_100.yaml "${tiny[@]}"
  run progressive sims/adaptive_progressive.yaml "${tiny[@]}"
  run tiny_seen sims/adaptive_supervised.yaml "${tiny[@]}" --set features.test_classes=seen
  run tiny_unseen sims/adaptive_supervised.yaml "${tiny[@]}" --set features.test_classes=unseen
  local set other
  for set in cifar10 tiny_imagenet_100; do
    for other in kbsc pca; do compare "$set" adaptive "$other" "adaptive_vs_$other"; done
  done
  kbsc confidence "remade/$NAME/cifar10"
}
make_adaptive_parts() {
  local real=(--set "features.file=$SETS/features/real_0.npz") two=(--set 'schemes=[adaptive, pca]') other scheme
  local unseen=(--set data=null --set features.unseen_classes=168)
  run posterior sims/adaptive_parts.yaml "${real[@]}"
  run plain sims/adaptive_parts.yaml "${real[@]}" "${two[@]}" --set receiver.metric_exponent=0
  for other in nearest vote; do
    run "$other" sims/adaptive_parts.yaml "${real[@]}" "${two[@]}" --set "receiver={decision: $other}"
  done
  run progressive sims/adaptive_progressive.yaml "${real[@]}" --set data=null
  for other in seen unseen; do
    run "$other" sims/adaptive_supervised.yaml "${real[@]}" "${unseen[@]}" --set "features.test_classes=$other"
    compare "$other" adaptive_supervised adaptive labels
  done
  for other in neighbours variance classes once progressive; do
    compare posterior "adaptive_$other" adaptive "$other"
  done
  for other in plain nearest vote; do
    for scheme in adaptive pca; do
      kbsc compare "remade/$NAME/$other:$scheme" "remade/$NAME/posterior:$scheme" --differing receiver \
        --csv "remade/$NAME/$other/$scheme.csv"
    done
  done
}
make_baselines_cifar10() { run "" sims/baselines_cifar10.yaml "${cifar10[@]}"; }
make_baselines_tiny_imagenet_100() { run "" sims/baselines_tiny_imagenet_100.yaml "${tiny[@]}"; }
make_channel_pq() {
  local other
  run "" sims/channel_pq.yaml --set "features.file=$SETS/features/real_0.npz"
  for other in pca feature_ldpc_pq; do compare "" channel_pq_16 "$other" "channel_pq_16_vs_$other"; done
  for other in adaptive channel_pq_16; do compare "" adaptive_16qam "$other" "adaptive_16qam_vs_$other"; done
}
make_cifar10() { run "" sims/cifar10.yaml "${cifar10[@]}"; }
make_feedback() {
  run "" sims/feedback.yaml --set "features.file=$SETS/features/real_0.npz"
  compare "" adaptive_feedback_80 adaptive feedback_80_vs_adaptive
}
make_four_channels() {
  local set
  run real_clip sims/four_channels.yaml --set data=null --set "features.file=$SETS/features/real_0.npz"
  run cifar100 sims/four_channels.yaml "${cifar100[@]}"
  run cifar100_feedback sims/feedback_cifar100.yaml "${cifar100[@]}"
  for set in real_clip cifar100; do
    compare "$set" adaptive pca adaptive_vs_pca
    compare "$set" adaptive kbsc_awgn adaptive_vs_kbsc_awgn
    kbsc losses "remade/$NAME/$set" --k 64 --format png
    kbsc promises "remade/$NAME/$set" --k 64 --format png
  done
}
make_images_per_block() {
  local number
  for number in 1 4 16; do
    run "$number" sims/images_per_block.yaml "${cifar10[@]}" --set "coding.images_per_block=$number"
  done
}
make_kodak() {
  local snr
  mkdir -p "remade/$NAME"
  python sims/kodak.py rate "$SETS/kodak" "remade/$NAME/rate.csv"
  python sims/kodak.py send remade/neural_baselines "$SETS/kodak" "remade/$NAME/crops.csv"
  for snr in 1 7; do
    python sims/kodak.py send "remade/neural_baselines/published/cbr_1_6_trained_at_${snr}_db" "$SETS/kodak" \
      "remade/$NAME/crops_published_${snr}_db.csv"
  done
  git log -1 --format="commit %h, %cs" >"remade/$NAME/made.txt"
}
make_kb_scaling() { kbsc kb-scaling sims/kb_scaling.yaml --out "remade/$NAME"; }
make_mismatch() { # the senders' CLIPs are in the history
  local name
  for name in first:e81c91f other:5602214; do
    mkdir -p "remade/clip_${name%%:*}"
    git archive "${name##*:}" kbsc_tf/features/clip_small | tar x -C "remade/clip_${name%%:*}"
  done
  kbsc mismatch sims/mismatch.yaml --out "remade/$NAME/cifar100" --set "experiment.data.path=$SETS/cifar100"
  kbsc mismatch sims/mismatch_real_clip.yaml --out "remade/$NAME/real_clip" \
    --set "experiment.features.file=$SETS/features/real_0.npz"
}
make_neural_baselines() {
  local snr
  run "" sims/neural_baselines.yaml "${cifar10[@]}"
  for snr in 1 7 19; do
    run "published/cbr_1_6_trained_at_${snr}_db" sims/neural_baselines.yaml "${cifar10[@]}" --set schemes=[deepjscc] \
      --set k=[1024] --set "schemes.deepjscc.checkpoint=$(echo "$SETS"/deepjscc/out/checkpoints/CIFAR10_8_"$snr".0_0.17_AWGN_*/epoch_999.pkl)"
  done
  python sims/deepjscc_published.py "$SETS/deepjscc" "$SETS/cifar10/test" "remade/$NAME/deepjscc_published.csv" \
    --images 10000 --figure
}
make_ofdm() {
  local one
  for one in tdl cdl impairments; do run "$one" "sims/ofdm_$one.yaml" "${cifar10[@]}"; done
}
make_original() { run "" sims/original.yaml --set "features.file=$SETS/features/synthetic_0.npz"; }
make_paper() {
  run awgn sims/paper_awgn.yaml "${cifar100[@]}"
  run rayleigh sims/paper_rayleigh.yaml "${cifar100[@]}"
  run images sims/paper_images.yaml "${cifar100[@]}"
}
make_procedural() { # the quickstart on more images, trained for longer
  run "" sims/quickstart.yaml --set data.training_images=10000 --set data.test_images=4000 \
    --set schemes.kbsc.epochs=30 --set sweep.per_image=false
}
make_real_clip() { # the three seeds side by side: much of a training on few features runs on one core
  local seed job
  local -a jobs=()
  export OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1
  for seed in 0 1 2; do
    real_clip_of "$seed" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job"; done
  kbsc losses "remade/$NAME/posterior_0" --k 64 --format png
  kbsc promises "remade/$NAME/posterior_0" --k 64 --format png
}
real_clip_of() { # real_clip_of SEED
  run "posterior_$1" sims/real_clip.yaml --set "features.file=$SETS/features/real_$1.npz"
  run "nearest_$1" sims/real_clip.yaml --set "features.file=$SETS/features/real_$1.npz" --set receiver.decision=nearest
  run "original_$1" sims/original.yaml --set "features.file=$SETS/features/real_$1.npz" --set schemes=[kbsc] \
    --set 'channels=[{preset: original, fading: none}, {preset: original, fading: rayleigh}]' --set 'k=[32, 64, 256]'
  compare "posterior_$1" adaptive pca adaptive_vs_pca
  compare "posterior_$1" adaptive kbsc adaptive_vs_kbsc
}
make_tiled_bpg_cifar10() {
  run "" sims/tiled_bpg_cifar10.yaml "${cifar10[@]}"
  run 444 sims/tiled_bpg_cifar10.yaml "${cifar10[@]}" --set 'codec.chroma="444"'
}
make_tiny_imagenet_100() { run "" sims/tiny_imagenet_100.yaml "${tiny[@]}"; }

compare() { # compare SUBFOLDER SCHEME OTHER FILE: image by image, into FILE.csv of the subfolder
  local folder=remade/$NAME/$1
  kbsc compare "$folder:$2" "$folder:$3" --csv "$folder/$4.csv"
}

if [[ -z $NAME ]] || ! declare -F "make_$NAME" >/dev/null; then
  echo "usage: sims/remake.sh NAME, one of: $(declare -F | sed -n 's/.* make_//p' | tr '\n' ' ')" >&2
  exit 2
fi
if [[ ! -f sims/pages/$NAME.md.j2 ]]; then
  echo "sims/pages/$NAME.md.j2 is missing: the README that says what the results are" >&2
  exit 2
fi
if ! git diff --quiet HEAD -- kbsc_tf sims pyproject.toml; then
  echo "there are changes that are not committed (git status); commit them, so that run.json names what made the results" >&2
  exit 2
fi

commit=$(git rev-parse HEAD)
if [[ $(cat "remade/$NAME/commit.log" 2>/dev/null) != "$commit" ]]; then
  rm -rf "remade/$NAME"
  mkdir -p "remade/$NAME"
  echo "$commit" >"remade/$NAME/commit.log"
fi
"make_$NAME"

rm -rf "results/$NAME"
(cd remade && find "$NAME" \( -name '*.csv' -o -name run.json -o -name features.json -o -name '*.txt' \) \
  -not -path '*/per_image/*' -not -path '*/models/*' -not -path '*/links/*' -not -path '*/kb/*' \
  -exec cp --parents -t ../results {} +)
kbsc index results
python sims/write_readmes.py
{ grep -o '](\([^)]*\.png\))' "results/$NAME/README.md" || true; } | tr -d ']()' | sort -u | while read -r picture; do
  cp "remade/$NAME/$picture" "results/$NAME/$picture"
done
python sims/shrink_pictures.py "results/$NAME"
