//! What `/etc/fstab` says of a mount point. It may hold passwords: no line of it is ever shown or kept.

use super::source::{self, Server};

/// What the kernel calls every mount of sshfs, however fstab writes it.
pub const SSHFS: &str = "fuse.sshfs";
/// Before the source where the type is `fuse` alone.
const SSHFS_PREFIX: &str = "sshfs#";

/// An entry, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    source: &'a str,
    fstype: &'a str,
    options: &'a str,
}

impl<'a> Entry<'a> {
    /// The entry for this mount point; the last one counts, as for the kernel.
    pub fn of(text: &'a str, mount: &str) -> Option<Self> {
        let mount = escaped(mount);
        let entries = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let entries = entries.filter_map(|line| {
            let mut fields = line.split_whitespace();
            let (source, point, fstype) = (fields.next()?, fields.next()?, fields.next()?);
            let options = fields.next().unwrap_or_default();
            Some((
                point,
                Self {
                    source,
                    fstype,
                    options,
                },
            ))
        });
        let mut own = entries.filter(|(point, _)| without_slash(point) == mount);
        own.next_back().map(|(_, entry)| entry)
    }

    /// As the kernel calls it when it is mounted.
    pub fn fstype(&self) -> &'a str {
        match self.fstype {
            "sshfs" => SSHFS,
            "fuse" if self.source.starts_with(SSHFS_PREFIX) => SSHFS,
            other => other,
        }
    }

    /// Where the server of a network mount listens, as far as the entry says it.
    pub fn server(&self) -> Option<Server> {
        let others = || source::server(self.fstype, self.source, self.options);
        self.sshfs_server().or_else(others)
    }

    /// Where the server of an sshfs mount listens, which nothing but its entry says: the kernel has no options of it.
    pub(super) fn sshfs_server(&self) -> Option<Server> {
        let source = without_prefix(self.source);
        (self.fstype() == SSHFS)
            .then(|| source::ssh_server(source, self.options))
            .flatten()
    }
}

/// The source as the kernel has it.
pub(super) fn without_prefix(source: &str) -> &str {
    source.strip_prefix(SSHFS_PREFIX).unwrap_or(source)
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
        let type_of = |mount| Entry::of(text, mount).map(|entry| entry.fstype());
        assert_eq!(type_of("/mnt/a"), Some("cifs"));
        assert_eq!(type_of("/mnt/b c"), Some("nfs4"));
        assert_eq!(type_of("/mnt/d"), Some("ext4"));
        assert_eq!(type_of("/mnt"), None);
    }

    #[test]
    fn sshfs_is_known_in_every_way_it_is_written_and_its_port_by_the_options() {
        for (line, host, port) in [
            ("chia@nas:/d01 /mnt/a fuse.sshfs noauto,_netdev", "nas", 22),
            ("chia@nas:/d01 /mnt/a sshfs port=2222,reconnect 0 0", "nas", 2222),
            ("sshfs#chia@nas:/d01 /mnt/a fuse Port=2022 0 0", "nas", 2022),
            ("nas:/d01 /mnt/a fuse.sshfs directport=9000", "nas", 9000),
            ("nas: /mnt/a fuse.sshfs", "nas", 22),
            ("nas:/a@b[c]:d /mnt/a fuse.sshfs", "nas", 22),
            ("chia@[2001:db8::1]:/d01 /mnt/a fuse.sshfs", "2001:db8::1", 22),
        ] {
            let entry = Entry::of(line, "/mnt/a").unwrap();
            let server = entry.sshfs_server().map(|server| (server.host, server.port));
            assert_eq!(
                (entry.fstype(), server),
                (SSHFS, Some((host.to_owned(), port))),
                "{line}"
            );
        }
    }

    #[test]
    fn where_nobody_can_tell_by_which_way_sshfs_reaches_its_server_none_is_named() {
        for line in [
            "chia@nas:/d01 /mnt/a fuse.sshfs ProxyJump=gate",
            "chia@nas:/d01 /mnt/a fuse.sshfs ssh_command=/usr/local/bin/tunnel",
            "chia@nas:/d01 /mnt/a fuse.sshfs hostname=10.0.0.9",
            "chia@nas:/d01 /mnt/a fuse.sshfs port=0",
            "chia@:/d01 /mnt/a fuse.sshfs",
            "nas:/d01 /mnt/a nfs4",
            "s3fs#bucket:/d01 /mnt/a fuse",
        ] {
            assert_eq!(Entry::of(line, "/mnt/a").unwrap().sshfs_server(), None, "{line}");
        }
    }

    #[test]
    fn the_server_of_a_share_is_told_before_it_is_mounted() {
        for (line, host, port) in [
            ("//nas/d01 /mnt/a cifs credentials=/root/x", "nas", 445),
            ("//nas/d01 /mnt/a cifs ip=192.0.2.1,port=1445", "192.0.2.1", 1445),
            ("nas:/d01 /mnt/a nfs4 defaults", "nas", 2049),
            ("chia@nas:/d01 /mnt/a fuse.sshfs", "nas", 22),
        ] {
            let server = Entry::of(line, "/mnt/a").unwrap().server();
            let server = server.map(|server| (server.host, server.port));
            assert_eq!(server, Some((host.to_owned(), port)), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text: String, mount: String) {
            let found = Entry::of(&text, &mount);
            proptest::prop_assert!(found.is_none_or(|entry| text.contains(entry.source)));
            drop(found.and_then(|entry| entry.sshfs_server()));
        }
    }
}
