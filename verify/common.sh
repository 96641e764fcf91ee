# Sourced by the lanes: where they are, what they need, which tests there are.
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
# Child processes of tests must not inherit what the caller has set.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS

# Naming a target keeps the flags away from build scripts and procedural macros.
target=x86_64-unknown-linux-gnu
features=bytes,serde,metrics,tracing

skip() {
  echo "SKIP $*"
  exit 77
}

needs() {
  command -v "$1" >/dev/null || skip "$1 is not there"
}

needs_linux_x86_64() {
  [ "$(uname -sm)" = "Linux x86_64" ] || skip "needs Linux on x86-64"
}

# Builds of this lane go to a place of their own: other flags, other artefacts.
builds_in() {
  export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}/$1"
  mkdir -p "$CARGO_TARGET_DIR"
}

# `--test NAME` for every integration test but those named.
tests_but() {
  local file name
  for file in tests/*.rs; do
    name=$(basename "$file" .rs)
    case " $* " in
      *" $name "*) ;;
      *) printf -- '--test %s ' "$name" ;;
    esac
  done
}

# A compiler that takes unstable flags: the stable one, told to.
unstable() {
  export RUSTC_BOOTSTRAP=1 RUSTFLAGS="$*"
}
