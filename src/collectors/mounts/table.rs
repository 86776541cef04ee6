//! The mount table as text: pure parsing of `mountinfo`, which never touches a mounted filesystem.
//!
//! Source: `proc_pid_mountinfo(5)`. Of the options only what is needed is taken: the rest may hold user names.

use std::collections::{HashMap, HashSet};

use super::fstab;
use super::source::{self, Server};

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Unique while the mount exists, so a share mounted anew is another one although its path is the same.
    pub id: u64,
    pub parent: u64,
    pub device: (u32, u32),
    /// The bytes of the path; names need not be UTF-8.
    pub mount_point: Vec<u8>,
    pub read_only: bool,
    pub fstype: String,
    /// As the kernel has it; [`source::shown`] takes credentials out.
    pub source: String,
    /// Who serves it, for CIFS and NFS; for sshfs where fstab tells.
    pub server: Option<Server>,
}

/// All mounts that can be reached, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub rows: Vec<Row>,
    /// Lines that are not what the manual promises; they are left out.
    pub malformed: u64,
}

/// Any bytes give a table.
pub(super) fn parse_mountinfo(text: &[u8]) -> Table {
    let mut table = Table::default();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match row(line) {
            Some(row) => table.rows.push(row),
            None => table.malformed += 1,
        }
    }
    drop_hidden(&mut table.rows);
    table
}

impl Table {
    /// Whether the kernel's table alone does not say who serves what is mounted.
    pub(super) fn needs_fstab(&self) -> bool {
        self.rows.iter().any(|row| row.fstype == fstab::SSHFS)
    }

    /// The servers of what fstab lists as well.
    pub(super) fn complete(&mut self, fstab: &str) {
        for row in self.rows.iter_mut().filter(|row| row.fstype == fstab::SSHFS) {
            let mount = std::str::from_utf8(&row.mount_point).ok();
            let entry = mount.and_then(|mount| fstab::Entry::of(fstab, mount));
            row.server = entry.and_then(|entry| entry.sshfs_server());
        }
    }
}

/// A mount is hidden by a later one on the same point, and by a later one above it: that has the same parent,
/// while a mount made after it would have it as its parent.
fn drop_hidden(rows: &mut Vec<Row>) {
    let last: HashMap<Vec<u8>, usize> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| (row.mount_point.clone(), index))
        .collect();
    let siblings: HashSet<(u64, Vec<u8>)> = rows.iter().map(|row| (row.parent, row.mount_point.clone())).collect();
    let mut index = 0;
    rows.retain(|row| {
        let newest = last.get(&row.mount_point) == Some(&index);
        index += 1;
        newest && !ancestors(&row.mount_point).any(|above| siblings.contains(&(row.parent, above.to_vec())))
    });
}

/// The directories above a path, nearest first, without the root.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path
        .iter()
        .enumerate()
        .rev()
        .filter(|(index, byte)| *index > 0 && **byte == b'/');
    slashes.filter_map(|(index, _)| path.get(..index))
}

fn row(line: &[u8]) -> Option<Row> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = number(fields.next()?)?;
    let parent = number(fields.next()?)?;
    let device = device(fields.next()?)?;
    let _root_inside_the_filesystem = fields.next()?;
    let mount_point = unescape(fields.next()?);
    let options = fields.next()?;
    // Optional fields, however many, end with a single dash.
    fields.by_ref().find(|field| *field == b"-")?;
    let fstype = String::from_utf8_lossy(&unescape(fields.next()?)).into_owned();
    let source = String::from_utf8_lossy(&unescape(fields.next()?)).into_owned();
    let super_options = fields.next().unwrap_or_default();
    if mount_point.first() != Some(&b'/') || fstype.is_empty() {
        return None;
    }
    let read_only = has_option(options, b"ro")
        || [&b"ro"[..], b"emergency_ro"]
            .iter()
            .any(|name| has_option(super_options, name));
    Some(Row {
        id,
        parent,
        device,
        mount_point,
        read_only,
        server: source::server(&fstype, &source, &String::from_utf8_lossy(super_options)),
        fstype,
        source,
    })
}

fn has_option(options: &[u8], name: &[u8]) -> bool {
    options.split(|byte| *byte == b',').any(|option| option == name)
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn device(text: &[u8]) -> Option<(u32, u32)> {
    let mut parts = text.splitn(2, |byte| *byte == b':');
    Some((number(parts.next()?)?, number(parts.next()?)?))
}

/// `\040` and its like back to bytes; a backslash that begins no octal number stays.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if let [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] = rest {
            bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

/// Bytes as printable ASCII that [`unescape`] reads back, whatever they are.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_graphic() && *byte != b'\\' {
            text.push(char::from(*byte));
        } else {
            text.push('\\');
            for digit in [byte / 64, byte / 8 % 8, byte % 8] {
                text.push(char::from(b'0' + digit));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(table: &Table) -> Vec<String> {
        table
            .rows
            .iter()
            .map(|row| String::from_utf8_lossy(&row.mount_point).into_owned())
            .collect()
    }

    #[test]
    fn the_recorded_table_of_a_machine_is_read() {
        let table = parse_mountinfo(include_bytes!("fixtures/mountinfo-virtual-machine.txt"));
        assert_eq!(table.malformed, 0);
        let root = table.rows.iter().find(|row| row.mount_point == b"/").unwrap();
        assert_eq!(
            (root.fstype.as_str(), root.source.as_str(), root.device),
            ("ext4", "/dev/vda", (254, 0))
        );
        assert!(!root.read_only && root.server.is_none());
        // /dev/pts and /dev/shm are mounted twice there.
        assert_eq!(points(&table).iter().filter(|point| *point == "/dev/pts").count(), 1);
    }

    #[test]
    fn shares_disks_and_escapes_are_read() {
        let table = parse_mountinfo(include_bytes!("fixtures/mountinfo-farm-made-up.txt"));
        let row = |point: &[u8]| table.rows.iter().find(|row| row.mount_point == point).unwrap();
        assert_eq!(table.malformed, 2);
        assert_eq!(row(b"/mnt/my disk").source, "/dev/sdb1");
        assert!(row(b"/mnt/frozen").read_only && row(b"/mnt/bind-ro").read_only && row(b"/mnt/shut").read_only);
        let server = row(b"/mnt/nas1").server.clone().unwrap();
        assert_eq!((server.host.as_str(), server.port), ("192.0.2.10", 445));
        let server = row(b"/mnt/nfs").server.clone().unwrap();
        assert_eq!((server.host.as_str(), server.port), ("2001:db8::7", 2049));
        assert_eq!(row(b"/mnt/\xff\n\"quoted\\").fstype, "xfs");
        assert!(row(b"/mnt/sshfs").server.is_none());
    }

    #[test]
    fn what_lies_under_a_later_mount_is_hidden() {
        let table = parse_mountinfo(
            b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
              2 1 8:2 / /mnt/a rw - ext4 /dev/sdb1 rw\n\
              3 1 8:3 / /mnt rw - ext4 /dev/sdc1 rw\n\
              4 3 8:4 / /mnt/b rw - ext4 /dev/sdd1 rw\n\
              5 4 8:5 / /mnt/b rw - ext4 /dev/sde1 rw\n",
        );
        assert_eq!(points(&table), ["/", "/mnt", "/mnt/b"]);
        assert_eq!(table.rows[2].source, "/dev/sde1");
    }

    #[test]
    fn ten_thousand_mounts_are_read() {
        use std::fmt::Write as _;
        let mut text = String::from("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
        for n in 2..=10_000 {
            writeln!(
                text,
                "{n} 1 0:{n} / /mnt/disk{n} rw shared:{n} - cifs //nas{n}/plots rw,addr=192.0.2.1"
            )
            .unwrap();
        }
        assert_eq!(parse_mountinfo(text.as_bytes()).rows.len(), 10_000);
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_table(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            parse_mountinfo(&bytes);
        }

        #[test]
        fn any_fields_give_a_table(line in "([0-9:a-z/\\\\,=@-]{0,8} ){4,14}") {
            parse_mountinfo(line.as_bytes());
        }

        #[test]
        fn any_name_survives_escaping(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let text = escape(&bytes);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(unescape(text.as_bytes()), bytes);
        }

        #[test]
        fn any_mount_point_is_read_back(name in proptest::collection::vec(any::<u8>(), 1..64)) {
            let mut point = b"/".to_vec();
            point.extend(name);
            let line = format!("7 1 8:1 / {} rw - ext4 /dev/sda1 rw", escape(&point));
            prop_assert_eq!(&parse_mountinfo(line.as_bytes()).rows[0].mount_point, &point);
        }
    }
}
