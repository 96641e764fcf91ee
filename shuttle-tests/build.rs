//! Sets `cfg(shuttle)` for this package.

fn main() {
    println!("cargo:rustc-cfg=shuttle");
    println!("cargo:rerun-if-changed=build.rs");
}
