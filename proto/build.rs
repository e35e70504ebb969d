//! Compiles the `.proto` files with protox: no system protoc is needed.
use std::path::Path;

const ROOT: &str = "proto";
const PACKAGE: &str = "proto/kumi/v1";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(PACKAGE)? {
        files.push(entry?.path());
    }
    files.sort();
    let descriptors = protox::compile(&files, [ROOT])?;
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(
        Path::new(&out).join("descriptors.bin"),
        prost::Message::encode_to_vec(&descriptors),
    )?;
    tonic_prost_build::configure()
        .btree_map(".")
        .compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed={ROOT}");
    Ok(())
}
