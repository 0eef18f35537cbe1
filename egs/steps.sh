# shellcheck shell=bash
# What the scripts of egs/ share. They set $top, the checkout, $finished, whether all is done, and $nproc of --nproc.

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

if [[ -z "${VIRTUAL_ENV:-}" ]] || ! command -v torchrun >/dev/null; then
  torchrun() { "$top/.venv/bin/torchrun" "$@"; }
fi

# call COMMAND...: log the command and run it. Of svtok, one whose output is up to date says so and does nothing.
call() {
  log "$*"
  "$@"
}

# call_together COMMAND...: svtok COMMAND by $nproc processes, one a GPU, together
call_together() {
  if [[ "$nproc" -eq 1 ]]; then
    call svtok "$@"
  else
    call torchrun --standalone --nproc-per-node "$nproc" -m svtok "$@"
  fi
}

check_nproc() {
  [[ "$nproc" =~ ^[1-9][0-9]*$ ]] || fail "--nproc is a number of processes, from 1, not '$nproc'"
}

running=() # process groups that are to end with the script

finish() {
  local group
  for group in ${running[@]+"${running[@]}"}; do kill -TERM -- "-$group" 2>/dev/null || true; done
  if $finished; then
    log "ended well after $SECONDS s"
  else
    log "stopped after $SECONDS s, before the end; the same command goes on from there"
  fi
}
