//! The file systems of this host's own disks that something is written to, one of each, from the mount table alone: it
//! asks no file system, so that a dead network mount cannot stop it. Mounts nothing.

#[cfg(any(target_os = "linux", test))]
use std::ffi::OsString;
#[cfg(any(target_os = "linux", test))]
use std::os::unix::ffi::OsStringExt;
#[cfg(any(target_os = "linux", test))]
use std::path::Path;
use std::path::PathBuf;

/// File systems on disks. Those of a network or of another process may hang, those in memory are no disks, and those
/// that are made full (squashfs, iso9660, erofs) are never less so.
#[cfg(any(target_os = "linux", test))]
const ON_DISK: [&str; 17] = [
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "msdos",
    "nilfs2", "ntfs", "ntfs3", "reiserfs", "vfat", "xfs", "zfs",
];
/// What a container's whole file system may be.
#[cfg(any(target_os = "linux", test))]
const ROOTS: [&str; 3] = ["overlay", "aufs", "tmpfs"];
/// Where a container engine puts files of its host into a container, and places where nobody keeps data.
#[cfg(any(target_os = "linux", test))]
const NOT_OURS: [&str; 7] =
    ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev", "/proc", "/run", "/sys"];

/// Their mount points, `/` first, then by name.
pub fn local() -> Result<Vec<PathBuf>, String> {
    #[cfg(target_os = "linux")]
    {
        let path = "/proc/self/mountinfo";
        let table = crate::sys::made_up::read(path)
            .map_err(|err| format!("cannot read `{path}`: {}", crate::sys::why::why(&err)))?;
        Ok(choose(&table))
    }
    #[cfg(not(target_os = "linux"))]
    {
        Ok(vec![PathBuf::from("/")])
    }
}

/// One line of the table.
#[cfg(any(target_os = "linux", test))]
struct Mount<'t> {
    path: PathBuf,
    /// What stands for the same room: the device's number, or the pool's name.
    store: &'t str,
    counts: bool,
}

/// `table` is in the form of proc(5), `/proc/PID/mountinfo`.
#[cfg(any(target_os = "linux", test))]
fn choose(table: &str) -> Vec<PathBuf> {
    let mut mounts: Vec<Mount<'_>> = Vec::new();
    for mount in table.lines().filter_map(read) {
        // What is mounted over another hides it.
        mounts.retain(|hidden| hidden.path != mount.path);
        mounts.push(mount);
    }
    mounts.retain(|mount| mount.counts);
    mounts.sort_by_key(|mount| (mount.path.as_os_str().len(), mount.path.clone()));
    let mut chosen: Vec<Mount<'_>> = Vec::new();
    for mount in mounts {
        if !chosen.iter().any(|one| one.store == mount.store) {
            chosen.push(mount);
        }
    }
    let mut paths: Vec<_> = chosen.into_iter().map(|mount| mount.path).collect();
    paths.sort();
    paths
}

#[cfg(any(target_os = "linux", test))]
fn read(line: &str) -> Option<Mount<'_>> {
    let (mount, about) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(2);
    let (device, _root, path, options) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let (mut about, path) = (about.split(' '), plain(path));
    let (kind, source) = (about.next()?, about.next()?);
    let read_only = |options: &str| options.split(',').any(|option| option == "ro");
    let real = ON_DISK.contains(&kind) || (path == Path::new("/") && ROOTS.contains(&kind));
    let counts = real
        && !read_only(options)
        && !about.next().is_some_and(read_only)
        && !NOT_OURS.iter().any(|place| path.starts_with(place));
    // Each dataset of a pool is a device of its own, and all have the pool's room.
    let store = if kind == "zfs" { source.split('/').next()? } else { device };
    Some(Mount { path, store, counts })
}

/// A space, a tab, a newline and a backslash are written as `\` and three octal digits.
#[cfg(any(target_os = "linux", test))]
fn plain(text: &str) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        let (byte, left) = match code.filter(|_| *first == b'\\') {
            Some(code) => (code, &after[3..]),
            None => (*first, after),
        };
        bytes.push(byte);
        rest = left;
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PSEUDO: &str = "\
        22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n\
        23 28 0:22 / /proc rw,nosuid shared:13 - proc proc rw\n\
        24 28 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw,size=4k\n\
        26 28 0:24 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,size=4k\n";

    #[test]
    fn of_each_disk_of_this_host_one_mount_is_chosen() {
        for (what, table, want) in [
            (
                "a server with its own /var, a boot partition, and a network",
                "28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n\
                 40 28 8:2 / /var rw shared:20 - xfs /dev/sda2 rw,attr2\n\
                 41 28 8:3 / /boot/efi rw shared:21 - vfat /dev/sda3 rw\n\
                 42 28 0:50 / /srv/nfs rw shared:22 - nfs4 box:/x rw\n\
                 43 28 0:51 / /srv/smb rw shared:23 - cifs //box/x rw\n\
                 44 28 0:52 / /srv/ssh rw shared:24 - fuse.sshfs box:/x rw\n\
                 45 28 0:53 / /srv/9p rw shared:25 - 9p share rw",
                &["/", "/boot/efi", "/var"][..],
            ),
            (
                "docker: an overlay for each container, and binds of the same disk",
                "28 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
                 50 28 0:60 / /var/lib/docker/overlay2/ab/merged rw - overlay overlay rw,lowerdir=/l\n\
                 51 28 8:1 /srv/data /export/data rw - ext4 /dev/sda1 rw\n\
                 52 26 0:4 net:[4026532281] /run/docker/netns/1 rw - nsfs nsfs rw",
                &["/"],
            ),
            (
                "inside a container",
                "600 500 0:61 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/u\n\
                 610 600 8:1 /d/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n\
                 611 600 8:1 /d/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda1 rw\n\
                 612 600 8:1 /d/volumes/data /data rw - ext4 /dev/sda1 rw\n\
                 613 600 0:70 / /tmp rw - tmpfs tmpfs rw",
                &["/", "/data"],
            ),
            (
                "btrfs subvolumes",
                "28 1 0:25 /@ / rw shared:1 - btrfs /dev/nvme0n1p2 rw,subvol=/@\n\
                 29 28 0:25 /@home /home rw shared:2 - btrfs /dev/nvme0n1p2 rw,subvol=/@home",
                &["/"],
            ),
            (
                "zfs datasets of two pools",
                "28 1 0:25 / / rw shared:1 - zfs rpool/ROOT/debian rw,xattr\n\
                 29 28 0:26 / /home rw shared:2 - zfs rpool/home rw,xattr\n\
                 30 28 0:27 / /tank rw shared:3 - zfs tank rw,xattr\n\
                 31 30 0:28 / /tank/a rw shared:4 - zfs tank/a rw,xattr",
                &["/", "/tank"],
            ),
            (
                "snaps, a CD and an image, all of which are full and can be no fuller",
                "28 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
                 60 28 7:0 / /snap/core/1 ro shared:30 - squashfs /dev/loop0 ro\n\
                 61 28 11:0 / /media/cdrom ro shared:31 - iso9660 /dev/sr0 ro\n\
                 62 28 7:1 / /opt/image ro shared:32 - ext4 /dev/loop1 ro",
                &["/"],
            ),
            (
                "one mount over another, and one seen read-only first",
                "28 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
                 60 28 8:2 / /srv rw shared:30 - ext4 /dev/sdb1 rw\n\
                 61 60 0:40 / /srv rw shared:31 - tmpfs tmpfs rw\n\
                 62 28 8:3 / /ro ro shared:31 - ext4 /dev/sdc1 rw\n\
                 63 28 8:3 / /writable rw shared:31 - ext4 /dev/sdc1 rw",
                &["/", "/writable"],
            ),
            (
                "a name with a space and a backslash",
                "28 1 8:1 / /a\\040b\\134c rw shared:1 - ext4 /dev/sda1 rw",
                &["/a b\\c"],
            ),
            ("no table", "nonsense\n\n1 2 - x", &[]),
        ] {
            let want: Vec<_> = want.iter().map(PathBuf::from).collect();
            assert_eq!(choose(&format!("{PSEUDO}{table}")), want, "{what}");
        }
        assert!(local().is_ok_and(|mounts| mounts.iter().all(|mount| mount.is_absolute())));
    }

    proptest! {
        #[test]
        fn any_table_is_read(table in "([0-9: /a-z\\\\-]{0,40}\n){0,5}") {
            let _ = choose(&table);
        }
    }
}
