//! What `/etc/fstab` says of a mount point. It may hold passwords: no line of it is ever shown or kept.

/// The filesystem type of the entry for this mount point; the last one counts, as for the kernel.
pub(super) fn type_of<'a>(text: &'a str, mount: &str) -> Option<&'a str> {
    let mount = escaped(mount);
    let entries = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let entries = entries.filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let mut own = entries.filter(|(point, _)| without_slash(point) == mount);
    own.next_back().map(|(_, fstype)| fstype)
}

fn without_slash(point: &str) -> &str {
    point.strip_suffix('/').filter(|bare| !bare.is_empty()).unwrap_or(point)
}

/// As fstab(5) writes it.
fn escaped(mount: &str) -> String {
    let mut text = String::new();
    for c in mount.chars() {
        match c {
            ' ' => text.push_str("\\040"),
            '\t' => text.push_str("\\011"),
            '\n' => text.push_str("\\012"),
            '\\' => text.push_str("\\134"),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_by_its_mount_point() {
        let text = "# //nas/old /mnt/a nfs\n//nas/d01 /mnt/a/ cifs credentials=/root/x,password=secret 0 0\n\
                    nas:/d02\t/mnt/b\\040c\tnfs4 defaults 0 0\n/dev/sdb1 /mnt/d ext4\nbroken\n";
        assert_eq!(type_of(text, "/mnt/a"), Some("cifs"));
        assert_eq!(type_of(text, "/mnt/b c"), Some("nfs4"));
        assert_eq!(type_of(text, "/mnt/d"), Some("ext4"));
        assert_eq!(type_of(text, "/mnt"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text: String, mount: String) {
            let found = type_of(&text, &mount);
            proptest::prop_assert!(found.is_none_or(|fstype| text.contains(fstype)));
        }
    }
}
