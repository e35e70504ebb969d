//! What must be there before the static binary can be built, and whether what was built is one.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

/// # Errors
/// What is missing, with the command that brings it.
pub(super) fn toolchain(target: &str) -> anyhow::Result<()> {
    let mut rustc = Command::new("rustc");
    let output = rustc
        .args(["--print", "target-libdir", "--target", target])
        .output();
    let output = output.context("rustc cannot be run")?;
    let folder = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    ensure!(
        output.status.success() && folder.is_dir(),
        "the standard library for {target} is missing: rustup target add {target}"
    );
    let path = std::env::var_os("PATH").unwrap_or_default();
    let compiler = std::env::split_paths(&path).any(|folder| folder.join("musl-gcc").is_file());
    ensure!(
        compiler,
        "musl-gcc is missing, which compiles the parts in C: apt-get install musl-tools"
    );
    Ok(())
}

/// Program header that names the dynamic linker (ELF-64 object file format, 6).
const PT_INTERP: u32 = 3;

/// # Errors
/// When it is no ELF-64 file, or asks for a dynamic linker.
pub(super) fn is_static(bytes: &[u8]) -> anyhow::Result<()> {
    let number = |at: usize, width: usize| {
        let bytes = bytes.get(at..at + width).context("the file is truncated")?;
        let fold = bytes
            .iter()
            .rev()
            .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        anyhow::Ok(fold)
    };
    // Identification: the magic number, 64 bits, little-endian.
    ensure!(
        bytes.starts_with(b"\x7FELF\x02\x01"),
        "it is no little-endian ELF-64 file"
    );
    let (headers, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for header in 0..count {
        let at = usize::try_from(headers + header * size)?;
        if number(at, 4)? == u64::from(PT_INTERP) {
            bail!("it is not static: it asks for a dynamic linker");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_static;

    /// A header and one program header of this type.
    fn elf(kind: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7FELF\x02\x01");
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64..68].copy_from_slice(&kind.to_le_bytes());
        bytes
    }

    #[test]
    fn a_binary_that_asks_for_a_linker_is_not_static() {
        assert!(is_static(&elf(1)).is_ok());
        assert!(is_static(&elf(3)).is_err());
        assert!(
            is_static(&elf(1)[..70]).is_ok(),
            "the type alone is looked at"
        );
        assert!(is_static(&elf(1)[..66]).is_err());
        assert!(is_static(b"#!/bin/sh").is_err());
    }

    #[test]
    fn this_test_is_linked_as_its_target_says() {
        let own = std::fs::read("/proc/self/exe").expect("this program");
        assert_eq!(is_static(&own).is_ok(), cfg!(target_env = "musl"));
    }
}
