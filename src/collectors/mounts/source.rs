//! What the source of a mount says: how it may be shown, who serves it, and what the CIFS client thinks of it.

/// Where a share's server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Server {
    /// The address that the kernel uses where it says it, else the name in the source.
    pub host: String,
    pub port: u16,
}

/// The usual ports: SMB directly over TCP, and NFS version 4 (version 3 listens there too).
const CIFS_PORT: u16 = 445;
const NFS_PORT: u16 = 2049;
const SSH_PORT: u16 = 22;

/// The server of a CIFS or NFS mount that can be reached by TCP.
pub(super) fn server(fstype: &str, source: &str, super_options: &str) -> Option<Server> {
    let (name, usual_port) = match fstype {
        _ if is_cifs(fstype) => (share(source)?.0, CIFS_PORT),
        "nfs" | "nfs4" => (nfs_host(source)?, NFS_PORT),
        _ => return None,
    };
    let option = |key: &str| {
        let mut options = super_options.split(',').filter_map(|option| option.split_once('='));
        options.find_map(|(name, value)| (name == key && !value.is_empty()).then_some(value))
    };
    if option("proto").is_some_and(|proto| !proto.starts_with("tcp")) {
        return None;
    }
    let port = option("port")
        .and_then(|port| port.parse().ok())
        .filter(|port| *port != 0);
    Some(Server {
        // fstab may have it as `ip`.
        host: option("addr").or_else(|| option("ip")).unwrap_or(name).to_owned(),
        port: port.unwrap_or(usual_port),
    })
}

pub(super) fn is_cifs(fstype: &str) -> bool {
    matches!(fstype, "cifs" | "smb3" | "smb2")
}

pub(super) fn is_same_share(one: &str, other: &str) -> bool {
    key(one) == key(other)
}

/// Server and share of `//server/share/prefix`.
fn share(source: &str) -> Option<(&str, &str)> {
    let rest = source.strip_prefix("//").or_else(|| source.strip_prefix("\\\\"))?;
    let mut parts = rest.split(['/', '\\']);
    let host = parts.next().filter(|host| !host.is_empty())?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    Some((host, parts.next().unwrap_or_default()))
}

/// The host of `host:/export` or `[2001:db8::1]:/export`.
fn nfs_host(source: &str) -> Option<&str> {
    let (host, _) = source.split_once(":/")?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    (!host.is_empty()).then_some(host)
}

/// What leads sshfs elsewhere than to the host in its source.
const OTHER_WAYS: [&str; 4] = ["ssh_command", "hostname", "proxycommand", "proxyjump"];

/// The server of an sshfs mount, `user@host:/directory` with the options that it was given. Aliases of an ssh configuration
/// are not known here.
pub(super) fn ssh_server(source: &str, options: &str) -> Option<Server> {
    // A path may hold any sign.
    let (before, _) = source.split_once(':')?;
    let host = match before.split_once('[') {
        Some(_) => source.split_once('[')?.1.split_once("]:")?.0,
        None => before.rsplit_once('@').map_or(before, |(_, host)| host),
    };
    let mut options = options
        .split(',')
        .map(|option| option.split_once('=').unwrap_or((option, "")));
    let is = |name: &str, names: &[&str]| names.iter().any(|other| name.eq_ignore_ascii_case(other));
    if host.is_empty() || options.clone().any(|(name, _)| is(name, &OTHER_WAYS)) {
        return None;
    }
    let port = match options.find(|(name, _)| is(name, &["port", "directport"])) {
        Some((_, port)) => port.parse().ok().filter(|port| *port != 0)?,
        None => SSH_PORT,
    };
    Some(Server {
        host: host.to_owned(),
        port,
    })
}

/// A source without user names, passwords and options: it becomes a label.
pub(super) fn shown(source: &str) -> String {
    if let Some((scheme, rest)) = source.split_once("://") {
        let rest = rest.split(['?', '#', ',']).next().unwrap_or_default();
        return format!("{scheme}://{}", without_user(rest));
    }
    if let Some(rest) = source.strip_prefix("//") {
        return format!("//{}", without_user(rest));
    }
    if source.starts_with('/') {
        return source.to_owned();
    }
    // `user@host:/directory` of sshfs, `:sftp,host=x,pass=y:/directory` of rclone; `pool@snapshot` is neither.
    let plain = source.split(',').next().unwrap_or_default();
    if plain.contains(':') {
        without_user(plain).to_owned()
    } else {
        plain.to_owned()
    }
}

/// Drops what stands before the last `@` of the host part.
fn without_user(text: &str) -> &str {
    let host_ends = text.find('/').unwrap_or(text.len());
    let (host, rest) = text.split_at_checked(host_ends).unwrap_or((text, ""));
    // A password may hold a slash; a path begins right behind the colon.
    let searched = if host.ends_with(':') || rest.is_empty() || !host.contains(':') {
        host
    } else {
        text
    };
    searched.rfind('@').and_then(|at| text.get(at + 1..)).unwrap_or(text)
}

/// The shares that the CIFS client lists, and whether it has lost each: `/proc/fs/cifs/DebugData`, which never asks a
/// server. Source: Linux `fs/smb/client/cifs_debug.c`; the word comes at the end of the lines under a share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CifsShares(Vec<(String, bool)>);

/// Any bytes give a list.
pub(super) fn parse_debug_data(text: &[u8]) -> CifsShares {
    let mut shares: Vec<(String, bool)> = Vec::new();
    let mut inside_a_share = false;
    for line in String::from_utf8_lossy(text).lines() {
        let line = line.trim();
        if let Some(item) = list_item(line) {
            let path = item.strip_prefix("IPC: ").unwrap_or(item);
            let path = path.rsplit_once(" Mounts: ").map_or(path, |(path, _)| path);
            inside_a_share = path.starts_with("\\\\");
            if inside_a_share {
                shares.push((key(path), false));
            }
        } else if line == "MIDs:" || line.starts_with("Server interfaces:") {
            inside_a_share = false;
        }
        if inside_a_share
            && line.split_whitespace().any(|word| word == "DISCONNECTED")
            && let Some((_, disconnected)) = shares.last_mut()
        {
            *disconnected = true;
        }
    }
    CifsShares(shares)
}

impl CifsShares {
    /// Whether the client has lost this share; `None` when it does not list it. Of two connections to the same share
    /// one lost is enough: which mount uses which is not said.
    pub(super) fn disconnected(&self, source: &str) -> Option<bool> {
        let wanted = key(source);
        let states = self
            .0
            .iter()
            .filter(|(share, _)| *share == wanted)
            .map(|(_, disconnected)| *disconnected);
        states.reduce(|one, other| one || other)
    }
}

/// What follows `3) ` at the beginning of a line.
fn list_item(line: &str) -> Option<&str> {
    let (number, rest) = line.split_once(") ")?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then(|| rest.trim_start())
}

/// `\\NAS\Plots` and `//nas/plots/folder` are the same share.
fn key(source: &str) -> String {
    let (host, share) = share(source).unwrap_or((source, ""));
    format!("{host}/{share}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn credentials_and_options_are_not_shown() {
        for (source, label) in [
            ("/dev/disk/by-label/a@b", "/dev/disk/by-label/a@b"),
            ("//nas/plots", "//nas/plots"),
            ("//farmer:s3cret@nas/plots", "//nas/plots"),
            ("farmer:s3cr/et@nas:/data", "nas:/data"),
            ("farmer@nas:/data", "nas:/data"),
            ("nas:/export/a@b", "nas:/export/a@b"),
            ("https://u:s3cret@dav.example/x?key=s3cret", "https://dav.example/x"),
            (":sftp,host=nas,pass=s3cret:/data", ":sftp"),
            ("pool@snapshot", "pool@snapshot"),
            ("", ""),
        ] {
            assert_eq!(shown(source), label, "{source}");
        }
    }

    #[test]
    fn the_port_of_a_share_follows_its_options() {
        let at = |fstype, source, options| server(fstype, source, options).map(|server| (server.host, server.port));
        assert_eq!(at("cifs", "//nas/plots", "rw"), Some(("nas".to_owned(), 445)));
        assert_eq!(
            at("smb3", "//nas/p", "rw,addr=192.0.2.1,port=1445"),
            Some(("192.0.2.1".to_owned(), 1445))
        );
        assert_eq!(
            at("nfs4", "nas:/e", "rw,port=0,addr=192.0.2.2"),
            Some(("192.0.2.2".to_owned(), 2049))
        );
        assert_eq!(
            at("nfs", "[2001:db8::1]:/e", "rw,proto=tcp6"),
            Some(("2001:db8::1".to_owned(), 2049))
        );
        assert_eq!(at("nfs", "nas:/e", "rw,proto=udp"), None);
        assert_eq!(at("ext4", "/dev/sda1", "rw"), None);
    }

    #[test]
    fn a_lost_share_is_told_from_the_others() {
        let shares = parse_debug_data(include_bytes!("fixtures/cifs-debug-data-made-up.txt"));
        assert_eq!(shares.disconnected("//NAS1/plots"), Some(false));
        assert_eq!(shares.disconnected("//nas2/Plots$/below"), Some(true));
        assert_eq!(shares.disconnected("//nas9/plots"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_list(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            parse_debug_data(&bytes);
        }

        #[test]
        fn any_source_can_be_shown_and_never_with_its_password(source in ".*", host in "[a-z]{1,8}") {
            shown(&source);
            server("cifs", &source, &source);
            server("nfs", &source, &source);
            let with_password = format!("u:s3cret@{host}:/data");
            prop_assert!(!shown(&with_password).contains("s3cret"));
        }
    }
}
