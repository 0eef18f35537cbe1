# shellcheck shell=bash
# Steps that are skipped where they are done: what egs/recipe.sh and egs/ablation.sh share.
# They set $top (the checkout) and, before the first step, $svtok_version, $jobs and $finished.

log() {
  echo "$(date '+%Y-%m-%d %H:%M:%S') $*" >&2
}

fail() {
  log "error: $*"
  exit 1
}

absolute() {
  case "$1" in
    "" | /*) echo "$1" ;;
    *) echo "$PWD/$1" ;;
  esac
}

# The svtok of the active virtual environment, else that of this checkout.
if [[ -z "${VIRTUAL_ENV:-}" ]] || ! command -v svtok >/dev/null; then
  svtok() { "$top/bin/svtok" "$@"; }
fi

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# stamp NAME: the file that tells that the step NAME is done, and with which inputs.
stamp() {
  echo "exp/.steps/$1"
}

# step NAME OUTPUT INPUT... -- COMMAND...: run the command, unless it was run already with the same inputs.
# Inputs are files, or folders, of which only the list of files counts. An output that this step made of other inputs
# is removed first; one of the same inputs stays, and the command goes on where it was stopped.
step() {
  local name=$1 output=$2 inputs=() input done_stamp begun_stamp inputs_hash
  shift 2
  while [[ "$1" != -- ]]; do
    inputs+=("$1")
    shift
  done
  shift
  for input in "${inputs[@]+"${inputs[@]}"}"; do
    [[ -e "$input" ]] || fail "$name needs $input, which is not there; begin with a lower --stage"
  done
  done_stamp=$(stamp "$name")
  begun_stamp=$done_stamp.begun
  inputs_hash=$(inputs_of_step "$@" | sha256)
  if [[ -e "$output" && "$(cat "$done_stamp" 2>/dev/null)" == "$inputs_hash" ]]; then
    log "$name: done before, skipped"
    return
  fi
  if [[ -e "$done_stamp" || -e "$begun_stamp" ]] && [[ "$(cat "$begun_stamp" 2>/dev/null)" != "$inputs_hash" ]]; then
    rm -rf "$output"
  fi
  rm -f "$done_stamp"
  mkdir -p "$(dirname "$done_stamp")"
  echo "$inputs_hash" >"$begun_stamp"
  log "$name: $*"
  "$@"
  mv "$begun_stamp" "$done_stamp"
}

# All that the result of a step depends on: svtok's version, the command, and the contents of ${inputs[@]}.
inputs_of_step() {
  local command="$*" input
  echo "$svtok_version ${command/ --jobs $jobs/}"
  for input in "${inputs[@]+"${inputs[@]}"}"; do
    if [[ -d "$input" ]]; then ls -lnR "$input"; else cat "$input"; fi
  done
}

finish() {
  if $finished; then
    log "ended well after $SECONDS s"
  else
    log "stopped after $SECONDS s, before the end; the same command goes on from there"
  fi
}
