# shellcheck shell=bash
# To be sourced as `. parse_options.sh "$@"`: sets shell variables from a command line, with Kaldi's habits.
#   --name value     sets $name; --two-words and --two_words both set $two_words. `--name=value` is refused.
#   --flag           a variable whose default is true or false takes true or false, or, left out, true
#   --conf FILE      shell assignments, read first: the command line wins over them
#   --help           prints $help_message
# Before, set $option_names to the names that may be given (blank-separated), and each of them to its default.
# Sets $arguments to what is left after the options.

_options_fail() {
  echo "$(basename "$0"): $1 (--help shows the options)" >&2
  exit 2
}

# Sets $_name to the variable of the option $1.
_option_name() {
  case "$1" in
    --*=*) _options_fail "write '${1%%=*} ${1#*=}', not '$1'" ;;
  esac
  _name=${1#--}
  _name=${_name//-/_}
  case " $option_names conf help " in
    *" $_name "*) ;;
    *) _options_fail "unknown option '$1'; known: ${option_names//_/-} conf help" ;;
  esac
}

_read_conf() {
  while [[ $# -gt 0 ]]; do
    if [[ "$1" == --conf ]]; then
      [[ -f "${2:-}" ]] || _options_fail "--conf '${2:-}': there is no such file"
      # shellcheck disable=SC1090
      . "$2"
    fi
    shift
  done
}

_read_options() {
  local _name _default # not the names of options
  while [[ $# -gt 0 && "$1" == --?* ]]; do
    _option_name "$1"
    if [[ "$_name" == help ]]; then
      printf '%s\n' "$help_message"
      exit 0
    fi
    _default=${!_name-}
    if [[ "$_default" == true || "$_default" == false ]]; then
      case "${2---}" in
        true | false) ;;
        --*) set -- "$1" true "${@:2}" ;;
        *) _options_fail "$1 is true or false, not '$2'" ;;
      esac
    fi
    [[ $# -ge 2 ]] || _options_fail "$1 needs a value"
    [[ "$_name" == conf ]] || printf -v "$_name" '%s' "$2"
    shift 2
  done
  [[ "${1:-}" != -- ]] || shift
  arguments=("$@")
}

_read_conf "$@"
_read_options "$@"
