#!/usr/bin/env bash
# What one GPU does: training, extraction, and the share of its peak, in less than seven minutes.
#   benchmarks/gpu.sh OUT              writes OUT/gpu.json and OUT/gpu.md
#   benchmarks/gpu.sh OUT --rehearse   the same at a tiny size on the CPU, to see that it runs
#   PYTHON=python3.12 benchmarks/gpu.sh OUT    with another Python than python3; it should have a torch for the GPU
#   WHEELS=FOLDER benchmarks/gpu.sh OUT        what is missing comes from the wheels of a folder, not from an index
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1:-}" in
  "" | -*) sed -n '2,6s/^# \{0,1\}//p' benchmarks/gpu.sh && exit 2 ;;
esac
if [[ $# -gt 2 || "${2:---rehearse}" != --rehearse ]]; then
  echo "benchmarks/gpu.sh: unknown arguments '${*:2}' (known: --rehearse)" >&2 && exit 2
fi
mkdir -p "$1"
out=$(realpath "$1")

# What this Python lacks goes beside the results, without what it requires: torch must stay the one that is there.
python=${PYTHON:-python3}
missing=$(
  "$python" - <<'END'
from importlib.util import find_spec

packages = {name: [name] for name in "torch torchaudio click numpy pandas pyarrow safetensors scipy tqdm".split()}
packages |= {"yaml": ["PyYAML"], "soundfile": ["soundfile", "cffi", "pycparser"]}
packages["pydantic"] = ["pydantic", "pydantic-core", "annotated-types", "typing-inspection", "typing-extensions"]
print(*(package for module, needed in packages.items() if find_spec(module) is None for package in needed))
END
)
if [[ -n "$missing" ]]; then
  echo "benchmarks/gpu.sh: installing $missing" >&2
  from=(-c constraints.txt)
  if [[ -n "${WHEELS:-}" ]]; then from=(--no-index --find-links "$WHEELS"); fi
  read -ra packages <<<"$missing"
  "$python" -m pip install -q --no-deps --upgrade --target "$out/site" "${from[@]}" "${packages[@]}"
  export PYTHONPATH="$out/site${PYTHONPATH:+:$PYTHONPATH}"
fi
exec "$python" -m benchmarks gpu --out "$out" "${@:2}"
