//! Links the part of libgcc that unwinds panics into the program: on Linux with glibc it would be a shared
//! library of its own, which every start would have to find, map and relocate. Where the linker does not take it
//! from here, it is the shared one as ever.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |key: &str, value: &str| std::env::var(key).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-lib=dylib=gcc_eh");
    }
}
