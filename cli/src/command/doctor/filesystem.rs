//! What kind of filesystem a folder lies on, by the magic number of statfs(2).

/// What matters of a filesystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// On a disk of this machine.
    Local,
    /// In memory.
    Memory,
    /// On another machine.
    Network,
    /// Of a container's image or of a user's process: what is below is not known.
    Layered,
    /// Not in the table.
    Unknown,
}

/// Numbers of include/uapi/linux/magic.h, and of those that publish theirs elsewhere.
const TABLE: &[(u64, &str, Kind)] = &[
    (0xEF53, "ext4", Kind::Local),
    (0x5846_5342, "xfs", Kind::Local),
    (0x9123_683E, "btrfs", Kind::Local),
    (0x2FC1_2FC1, "zfs", Kind::Local),
    (0xF2F5_2010, "f2fs", Kind::Local),
    (0xCA45_1A4E, "bcachefs", Kind::Local),
    (0x0102_1994, "tmpfs", Kind::Memory),
    (0x8584_58F6, "ramfs", Kind::Memory),
    (0x6969, "nfs", Kind::Network),
    (0x0BD0_0BD0, "lustre", Kind::Network),
    (0x4750_4653, "gpfs", Kind::Network),
    (0x1983_0326, "beegfs", Kind::Network),
    (0x00C3_6400, "ceph", Kind::Network),
    (0xFF53_4D42, "cifs", Kind::Network),
    (0xFE53_4D42, "smb2", Kind::Network),
    (0x0102_1997, "9p", Kind::Network),
    (0x7461_636F, "ocfs2", Kind::Network),
    (0x0116_1970, "gfs2", Kind::Network),
    (0x5346_414F, "afs", Kind::Network),
    (0x2003_0528, "orangefs", Kind::Network),
    (0x794C_7630, "overlay", Kind::Layered),
    (0x6573_5546, "fuse", Kind::Layered),
];

/// Name and kind of the filesystem of this number.
pub(super) fn of(magic: u64) -> (String, Kind) {
    let found = TABLE.iter().find(|(number, _, _)| *number == magic);
    match found {
        Some((_, name, kind)) => ((*name).to_owned(), *kind),
        None => (format!("filesystem {magic:#x}"), Kind::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, of};

    #[test]
    fn disks_are_told_from_what_is_elsewhere() {
        assert_eq!(of(0xEF53), ("ext4".to_owned(), Kind::Local));
        assert_eq!(of(0x0BD0_0BD0), ("lustre".to_owned(), Kind::Network));
        assert_eq!(of(0x0102_1994).1, Kind::Memory);
        assert_eq!(of(7), ("filesystem 0x7".to_owned(), Kind::Unknown));
    }
}
