#!/usr/bin/env bash
# Proves: on each target named (all, if none is), the soak violates nothing for a quarter of a minute, and those tests
# pass that can be built and run there. Each runs in a folder with Debian 13: its rustc is the oldest that the manifest
# allows, and it has the other targets' libraries, emulators and Wine.
# Cannot: show weak orderings (an emulator has the host's), or run macOS, BSD and Android, which are checked only.
set -euo pipefail
source "$(dirname "$0")/common.sh"
needs_linux_x86_64
[ "$(id -u)" = 0 ] || skip "needs root, for a folder with another system"
command -v mmdebstrap >/dev/null || apt-get install -y mmdebstrap >/dev/null 2>&1 || skip "mmdebstrap is not there and cannot be installed"
unshare -m true 2>/dev/null || skip "needs a mount namespace"
builds_in platforms
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(i686 musl aarch64 riscv64 s390x windows wasm checked)

system=$CARGO_TARGET_DIR/system
work=$system/work
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m1 '/debian/$' || true)

# What the folder has; made once.
make_system() {
  local packages=ca-certificates,rustc,cargo,rust-src,gcc,libc6-dev,qemu-user,musl-tools,libunwind-19-dev
  packages+=,gcc-aarch64-linux-gnu,gcc-riscv64-linux-gnu,gcc-s390x-linux-gnu,gcc-i686-linux-gnu
  packages+=,libc6-dev-arm64-cross,libc6-dev-riscv64-cross,libc6-dev-s390x-cross,libc6-dev-i386-cross
  packages+=,gcc-mingw-w64-x86-64-win32,wine,wine64,nodejs,lld,wasi-libc,libstd-rust-dev-wasm32
  rm -rf "$system.new"
  mmdebstrap --quiet --variant=apt --architectures=amd64 "--include=$packages" trixie "$system.new" ${mirror:+"$mirror"}
  # The other standard libraries are those of Debian's packages for these machines, unpacked beside the own one.
  inside "$system.new" '
    for machine in arm64 riscv64 s390x i386; do dpkg --add-architecture $machine; done
    apt-get update -qq
    apt-get install -y -qq libc6:i386 libgcc-s1:i386 >/dev/null
    mkdir /work && cd /work
    for machine in arm64 riscv64 s390x i386; do
      apt-get -o APT::Sandbox::User=root download -qq libstd-rust-dev:$machine
      dpkg-deb -x libstd-rust-dev_*_$machine.deb std && rm libstd-rust-dev_*_$machine.deb
    done
    cp -r std/usr/lib/rustlib/* /usr/lib/rustlib/ && rm -r std
    windows=/usr/lib/rustlib/x86_64-pc-windows-gnu/lib
    mkdir -p $windows musl
    for object in rsbegin rsend; do
      RUSTC_BOOTSTRAP=1 rustc --target x86_64-pc-windows-gnu --crate-type=lib --emit=obj -O \
        -o $windows/$object.o /usr/lib/rustlib/src/rust/library/rtstartup/$object.rs
    done'
  # LLVM's unwinder is built against glibc: two functions of it are missing in musl.
  cp verify/platforms/musl.c "$system.new/work/musl"
  inside "$system.new" '
    cd /work/musl && cp /usr/lib/llvm-19/lib/libunwind.a .
    musl-gcc -c -O1 musl.c && ar r libunwind.a musl.o'
  mv "$system.new" "$system"
}

# Runs a command in a folder with a system; what is mounted for that goes with the command.
inside() {
  unshare -m bash -ec 'mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive chroot "$1" bash -ec "$2"' _ "$1" "$2"
}

# Copies what is to be built, with all crates that it or the standard library needs.
make_work() {
  rm -rf "$work/stealpool" "$work/vendor.new"
  python3 verify/platforms/manifest.py . "$work/stealpool"
  cp verify/platforms/wasi.mjs "$work"
  local library=$CARGO_TARGET_DIR/library
  rm -rf "$library"
  cp -rL "$system/usr/lib/rustlib/src/rust/library" "$library"
  RUSTC_BOOTSTRAP=1 cargo vendor --quiet --versioned-dirs --manifest-path "$work/stealpool/Cargo.toml" \
    --sync "$library/sysroot/Cargo.toml" "$work/vendor.new" >/dev/null
  rm -rf "$work/vendor" "$library"
  mv "$work/vendor.new" "$work/vendor"
  mkdir -p "$work/stealpool/.cargo"
  printf '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "/work/vendor"\n' \
    >"$work/stealpool/.cargo/config.toml"
}

rows=() failed=0

# on NAME TARGET SETTINGS RUNNER ARGUMENTS SKIPPED: the tests, then the soak; a row of what came out.
# ARGUMENTS are cargo's for every build. SKIPPED are names of test files, and after -- of tests.
on() {
  local name=$1 target=$2 settings=$3 runner=$4 arguments=$5 without=$6 upper log=$CARGO_TARGET_DIR/$2.log begin=$SECONDS
  upper=$(tr 'a-z-' 'A-Z_' <<<"$target")
  printf '\n== %s: %s\n' "$name" "$target"
  local tests skipped=
  # Not these anywhere: they read the source, have no line of the library, or build a program for the host.
  tests=$(cd "$work/stealpool" && tests_but tidy faults magazine_protocol panic_abort dlclose ${without%%--*})
  case $without in *--*) for test in ${without##*--}; do skipped+=" --skip $test"; done ;; esac
  local environment="cd /work/stealpool; export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
    export RUST_BACKTRACE=0 $settings
    ${runner:+export CARGO_TARGET_${upper}_RUNNER='$runner' STEALPOOL_RUNNER='${runner##/usr/lib/wine/*}'}"
  local status=0
  inside "$system" "$environment
    timeout 3000 cargo --offline test $arguments --target $target --no-fail-fast --lib $tests -- $skipped" \
    >"$log" 2>&1 || status=1
  inside "$system" "$environment
    timeout 900 cargo --offline run --quiet $arguments --target $target --example soak -- --minutes 0.25 --threads 4 --seed 7" \
    >>"$log" 2>&1 || status=1
  grep -E '^error|FAILED|panicked at|test result: FAILED' "$log" || true
  local passed path last
  passed=$(awk '/^test result/ { passed += $4; failed += $6 } END { printf "%d passed, %d failed", passed, failed }' "$log")
  path=$(sed -n 's/^fast path: //p' "$log")
  last=$(grep -E ' gets ' "$log" | tail -1 | sed -E 's/.* ([0-9]+) gets .* ([0-9]+) violations/\1 gets, \2 violations/' || true)
  [[ $passed != "0 passed"* && -n $last ]] || status=1
  [ "$status" = 0 ] || passed="FAILED: $passed"
  rows+=("| $target | $name | $path | $passed | $last |")
  printf '== %s: %d s: %s; soak: %s\n' "$name" $((SECONDS - begin)) "$passed" "$last"
  [ "$status" = 0 ] || { failed=1; printf 'FAILED, see the end of %s\n' "$log"; tail -30 "$log"; }
}

emulated() {
  local target=$1-unknown-linux-gnu machine=$2 upper
  upper=$(tr 'a-z-' 'A-Z_' <<<"$target")
  # Not these: an emulator has no seccomp, and memory of its own; to look through hundreds of keys takes it minutes.
  on "qemu-$machine" "$target" "CARGO_TARGET_${upper}_LINKER=$machine-linux-gnu-gcc" \
    "qemu-$machine -L /usr/$machine-linux-gnu" "" "refused membarrier thread_ends memory_back -- a_spawn_without_a_thread many_forgotten_keys the_order_of_keys"
}

checked() {
  local target said
  for target in aarch64-apple-darwin x86_64-pc-windows-msvc aarch64-linux-android x86_64-unknown-freebsd; do
    printf '\n== %s\n' "$target"
    if inside "$system" "cd /work/stealpool; RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Dwarnings cargo --offline check --quiet --lib \
      -Zbuild-std=std,panic_abort --target $target"; then
      rows+=("| $target | checked, not built or run | compare-exchange | - | - |")
    else
      rows+=("| $target | FAILED | - | - | - |") failed=1
    fi
  done
  # These must fail, and say why.
  for target in mipsel-unknown-linux-gnu:64-bit wasm32-unknown-unknown:clock; do
    said=$(inside "$system" "cd /work/stealpool; RUSTC_BOOTSTRAP=1 cargo --offline check --quiet --lib \
      -Zbuild-std=std,panic_abort --target ${target%:*} 2>&1" || true)
    printf '\n== %s\n%s\n' "${target%:*}" "$(grep -A1 '^error: stealpool needs' <<<"$said")"
    if grep -q "^error: stealpool needs.*${target#*:}" <<<"$said"; then
      rows+=("| ${target%:*} | does not build, and says why | - | - | - |")
    else
      rows+=("| ${target%:*} | FAILED | - | - | - |") failed=1
      echo "no clear error: $said"
    fi
  done
}

for name in "${wanted[@]}"; do
  case $name in
    i686 | musl | aarch64 | riscv64 | s390x | windows | wasm | checked) ;;
    *) echo "there is no platform $name" && exit 2 ;;
  esac
done
# Not in a condition: there, an error inside would not end the function.
if [ ! -d "$system" ]; then
  apt-get download --print-uris base-files >/dev/null 2>&1 || skip "no Debian mirror is set up here"
  make_system
fi
make_work
std="-Zbuild-std=std,panic_unwind,test"
for name in "${wanted[@]}"; do
  case $name in
    i686) on "native" i686-unknown-linux-gnu CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=i686-linux-gnu-gcc "" "" "" ;;
    musl) on "native" x86_64-unknown-linux-musl "RUSTC_BOOTSTRAP=1 CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=musl-gcc \
      RUSTFLAGS='-Clink-self-contained=no -L/work/musl'" "" "$std" "" ;;
    aarch64 | s390x) emulated "$name" "$name" ;;
    riscv64) emulated riscv64gc riscv64 ;;
    # Not alloc: its allocator counts in a thread-local, which allocates itself with this ABI.
    windows) on "Wine" x86_64-pc-windows-gnu "RUSTC_BOOTSTRAP=1 WINEDEBUG=-all XDG_RUNTIME_DIR=/tmp \
      CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc" /usr/lib/wine/wine64 "$std" "alloc" ;;
    wasm)
      printf '\n== wasm32-wasip1\n'
      outcome=FAILED
      if inside "$system" "cd /work/stealpool; export CARGO_TARGET_WASM32_WASIP1_LINKER=wasm-ld
        CARGO_TARGET_WASM32_WASIP1_RUNNER='node --no-warnings /work/wasi.mjs' \
        cargo --offline test --target wasm32-wasip1 --test one_thread" | tee "$CARGO_TARGET_DIR/wasm.log"; then
        outcome=$(sed -n 's/^test result: ok. \(.*failed\);.*/\1/p' "$CARGO_TARGET_DIR/wasm.log" | tr -d ';')
      else
        failed=1
      fi
      rows+=("| wasm32-wasip1 | Node, one thread | compare-exchange | $outcome | - |") ;;
    checked) checked ;;
  esac
done
printf '\n'
printf '%s\n' "${rows[@]}"
exit $failed
