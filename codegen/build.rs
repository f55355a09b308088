//! Computes an identifier of this compiler, so that different builds never share cache entries.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let mut files = Vec::new();
    // In this repository both crates are side by side. In a registry the second folder is missing,
    // and the version identifies the compiler.
    for folder in ["src", "../sqlite/src"] {
        println!("cargo::rerun-if-changed={folder}");
        collect_files(Path::new(folder), &mut files);
    }
    files.sort();

    let bytes = files
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .flatten();
    let sum = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });

    println!(
        "cargo::rustc-env=BINDERY_COMPILER={}-{sum:016x}",
        std::env::var("CARGO_PKG_VERSION").unwrap_or_default()
    );
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_files(&path, files);
        } else {
            files.push(path);
        }
    }
}
