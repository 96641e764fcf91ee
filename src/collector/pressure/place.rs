//! Where this process's pressure file is, by what the system says in text.
//!
//! Pure functions of that text, so that every way a system may be set up can be tested on any.

use std::path::{Path, PathBuf};

/// The `memory.pressure` of the control group (version 2) that `/proc/self/cgroup` names, below the
/// mount that `/proc/self/mountinfo` names.
pub(super) fn of_group(cgroup: &str, mountinfo: &str) -> Option<PathBuf> {
    let group = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    let (root, mount) = mountinfo.lines().find_map(|line| {
        // 36 35 98:0 /root /mount options... - type source superoptions
        let (place, kind) = line.split_once(" - ")?;
        kind.starts_with("cgroup2 ").then_some(())?;
        let mut fields = place.split(' ').skip(3);
        Some((fields.next()?, fields.next()?))
    })?;
    // What is mounted may be a part of the tree only; a group outside of it cannot be reached.
    let inside = Path::new(group).strip_prefix(root).ok()?;
    Some(Path::new(&unescaped(mount)).join(inside).join("memory.pressure"))
}

/// A path of `mountinfo`, where space, tab, newline and backslash stand as three octal digits.
fn unescaped(path: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(path.to_owned(), |path, (from, to)| path.replace(from, to))
}

/// Decodes base64 (RFC 4648, section 4), as `$MEMORY_PRESSURE_WRITE` has it.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().as_bytes();
    if text.len() % 4 != 0 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let groups = text.len() / 4;
    for (i, group) in text.chunks_exact(4).enumerate() {
        let padding = group.iter().rev().take_while(|&&c| c == b'=').count();
        if padding > 2 || (padding > 0 && i + 1 != groups) {
            return None;
        }
        let mut word = 0u32;
        for &c in &group[..4 - padding] {
            word = word << 6 | digit(c)?;
        }
        word <<= 6 * padding;
        bytes.extend_from_slice(&word.to_be_bytes()[1..4 - padding]);
    }
    Some(bytes)
}

fn digit(c: u8) -> Option<u32> {
    let mut digits = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain([b'+', b'/']);
    digits.position(|digit| digit == c).map(|digit| digit as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "24 1 0:21 / /sys rw - sysfs sysfs rw\n\
                         30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn the_group_is_below_the_mount() {
        let found = of_group("0::/system.slice/web.service\n", WHOLE);
        let path = "/sys/fs/cgroup/system.slice/web.service/memory.pressure";
        assert_eq!(found, Some(PathBuf::from(path)));
        let hybrid = "5:memory:/x\n0::/user.slice\n";
        let mount = "31 24 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let path = "/sys/fs/cgroup/unified/user.slice/memory.pressure";
        assert_eq!(of_group(hybrid, mount), Some(PathBuf::from(path)));
    }

    #[test]
    fn a_mount_of_a_part_of_the_tree() {
        let mount = "30 24 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        let path = "/sys/fs/cgroup/inner/memory.pressure";
        assert_eq!(of_group("0::/docker/abc/inner", mount), Some(PathBuf::from(path)));
        assert_eq!(of_group("0::/docker/other", mount), None);
        let odd = "30 24 0:26 / /a\\040b rw - cgroup2 cgroup rw\n";
        let path = "/a b/memory.pressure";
        assert_eq!(of_group("0::/", odd), Some(PathBuf::from(path)));
    }

    #[test]
    fn no_group_no_file() {
        assert_eq!(of_group("5:memory:/x\n", WHOLE), None);
        assert_eq!(of_group("0::/\n", "24 1 0:21 / /sys rw - sysfs sysfs rw\n"), None);
        assert_eq!(of_group("", ""), None);
    }

    #[test]
    fn base64_as_the_standard_says() {
        let plain = [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmFy", "foobar"),
            ("c29tZSAyMDAwMDAgMjAwMDAwMAA=", "some 200000 2000000\0"),
        ];
        for (text, bytes) in plain {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        for wrong in ["Zg=", "Z===", "Zm=v", "Zg==Zg==", "Zm9\u{fc}", "Zm 9"] {
            assert_eq!(base64(wrong), None, "{wrong}");
        }
    }
}
