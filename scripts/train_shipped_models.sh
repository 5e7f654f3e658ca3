#!/usr/bin/env bash
# Train the reward models that ship, from data whose licence allows it. Usage: scripts/train_shipped_models.sh DATA
# DATA holds hh_harmless.train.jsonl.gz and hh_harmless.test.jsonl.gz: the pairs of harmless-base of Anthropic's hh-rlhf (MIT).
# The same data, version, numpy, scipy and processor give the same bytes; elsewhere sums may be rounded otherwise, in the last digits.
set -euo pipefail
data=${1:?name the folder with hh_harmless.train.jsonl.gz and hh_harmless.test.jsonl.gz}
root=$(cd "$(dirname "$0")/.." && pwd)
judge=${JUDGE:-$root/.venv/bin/judge}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 SOURCE_DATE_EPOCH=1795651200 # 2026-11-26, the date in the card
"$judge" --config /dev/null rm train "$data/hh_harmless.train.jsonl.gz" --test "$data/hh_harmless.test.jsonl.gz" --out "$root/reward_models/harmless" --quiet \
  --licence "MIT (Anthropic hh-rlhf, harmless-base, https://github.com/anthropics/hh-rlhf)" \
  --about "Which of two answers in an English dialogue, in which somebody often asks for what does harm, crowd workers of 2022 called less harmful. \
A first reward without labels of your own, and a part of one; not a moderation filter, and no judge of helpfulness, facts or other languages."
