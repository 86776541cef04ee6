//! Reads the mount table, has the pool probe what is chosen, and tries the servers of shares.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::plan::{self, Plan};
use super::prober::{Prober, Report};
use super::source::{self, CifsShares, Server};
use super::table::{self, Table};
use super::target::Target;
use crate::upstream::{Fault, Upstream, Why};
use crate::values::Size;

/// What a round brings.
pub enum Reading {
    Probe(Box<Probed>),
    /// Each server once, and whether it accepts connections.
    Servers(Vec<(Server, bool)>),
}

/// A round of the part `probe`.
pub struct Probed {
    pub(super) plan: Plan,
    /// One per chosen mount of the plan, in its order.
    pub(super) reports: Vec<Report>,
    pub(super) shares: CifsShares,
    /// Every mount point of the table, watched or not.
    pub(super) points: Arc<BTreeSet<PathBuf>>,
    pub(super) entries: usize,
    pub(super) malformed: u64,
    pub(super) children: usize,
    pub(super) trouble: Option<String>,
}

/// Hundred thousand mounts have some 20 MB of table; what is larger is none.
const TABLE_CAP: u64 = 64 << 20;
/// Larger than any fstab.
const FSTAB_CAP: u64 = 1 << 20;

pub(super) async fn probe(target: &Target, prober: &Prober) -> Result<Reading, Fault> {
    let table = mount_table(target).await?;
    let (entries, malformed) = (table.rows.len(), table.malformed);
    let plan = plan::plan(target, &table);
    let shares = cifs_shares(target).await;
    let Some(mut reports) = prober.round(plan.jobs()).await else {
        return Err(Fault::new(
            "mounts",
            "probe",
            Why::Internal("the pool of probes has ended".to_owned()),
        ));
    };
    let of_plan = plan
        .chosen
        .iter()
        .map(|mount| reports.mounts.remove(&mount.job.key).unwrap_or_default())
        .collect();
    Ok(Reading::Probe(Box::new(Probed {
        plan,
        reports: of_plan,
        shares,
        points: Arc::new(plan::points(&table)),
        entries,
        malformed,
        children: reports.children,
        trouble: reports.trouble,
    })))
}

/// The host's table: a service sandbox shows its own mounts and flags in `self`, PID 1 shows those of the machine.
pub(super) async fn mount_table(target: &Target) -> Result<Table, Fault> {
    let first = target.procfs.join("1/mountinfo");
    let second = target.procfs.join("self/mountinfo");
    let (path, text) = match read(&first, TABLE_CAP).await {
        Ok(text) => (first, text),
        Err(_) => match read(&second, TABLE_CAP).await {
            Ok(text) => (second, text),
            Err(why) => return Err(Fault::new(second.display().to_string(), "read", why)),
        },
    };
    let mut table = table::parse_mountinfo(&text);
    plan::strip_rootfs(&mut table, &target.rootfs);
    if table.needs_fstab() {
        let fstab = read(&target.rootfs.join("etc/fstab"), FSTAB_CAP)
            .await
            .unwrap_or_default();
        table.complete(&String::from_utf8_lossy(&fstab));
    }
    if table.rows.is_empty() {
        let words = Why::malformed("it names no mount; are `procfs` and `rootfs` those of the same machine?");
        return Err(Fault::new(path.display().to_string(), "read", words));
    }
    Ok(table)
}

/// No such file on a machine without the CIFS module, and then there is nothing to know.
async fn cifs_shares(target: &Target) -> CifsShares {
    let path: PathBuf = target.procfs.join("fs/cifs/DebugData");
    read(&path, TABLE_CAP)
        .await
        .map(|text| source::parse_debug_data(&text))
        .unwrap_or_default()
}

/// Files of procfs have no size beforehand, so the cap is on what is read.
async fn read(path: &Path, cap: u64) -> Result<Vec<u8>, Why> {
    let io_why = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Why::NotFound("no such file; is `procfs` right?".to_owned()),
        io::ErrorKind::PermissionDenied => Why::Forbidden("permission denied".to_owned()),
        _ => Why::upstream(error.to_string()),
    };
    let file = tokio::fs::File::open(path).await.map_err(io_why)?;
    let mut text = Vec::new();
    file.take(cap + 1).read_to_end(&mut text).await.map_err(io_why)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > cap) {
        return Err(Why::TooLarge(Size::from_bytes(cap)));
    }
    Ok(text)
}

/// Longer than any healthy server on a farm's network takes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// More at once would look like a port scan.
const CONNECTS_AT_ONCE: usize = 16;

/// Tries each server of the watched shares once. What has not been tried when the round ends is left out.
pub(super) async fn servers(target: &Target, upstream: &Upstream) -> Result<Reading, Fault> {
    let until = Instant::now() + target.interval.get().mul_f64(0.8);
    let within = CONNECT_TIMEOUT.min(target.interval.get() / 2);
    let plan = plan::plan(target, &mount_table(target).await?);
    let servers: BTreeSet<Server> = plan.chosen.into_iter().filter_map(|mount| mount.row.server).collect();
    let mut tried = futures_util::stream::iter(servers)
        .map(|server| async move {
            let reachable = upstream.connects(&server.host, server.port, within).await.is_ok();
            (server, reachable)
        })
        .buffer_unordered(CONNECTS_AT_ONCE);
    let mut results = Vec::new();
    while let Ok(Some(result)) = tokio::time::timeout_at(until, tried.next()).await {
        results.push(result);
    }
    Ok(Reading::Servers(results))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use prometheus_client::metrics::gauge::Gauge;

    use super::super::bench::target;
    use super::super::prober::Limits;
    use super::*;
    use crate::process::Program;
    use crate::upstream::Reason;

    /// A machine whose procfs is a directory of ours.
    fn machine(mountinfo: &str, of: &str) -> (tempfile::TempDir, Target) {
        let procfs = tempfile::tempdir().unwrap();
        fs::create_dir(procfs.path().join(of)).unwrap();
        fs::write(procfs.path().join(of).join("mountinfo"), mountinfo).unwrap();
        let target = target(&format!(
            r#"{{"name": "h", "interval": "2s", "procfs": "{}"}}"#,
            procfs.path().display()
        ));
        (procfs, target)
    }

    fn prober() -> Prober {
        let limits = Limits::new(Duration::from_millis(100), Duration::from_secs(1), 4);
        Prober::new(Program::new("/no/such/program", [""]), limits, Gauge::default())
    }

    #[tokio::test]
    async fn a_missing_table_is_a_fault_that_names_the_file() {
        let target = target(r#"{"name": "h", "procfs": "/no/such/procfs"}"#);
        let Err(fault) = probe(&target, &prober()).await else {
            panic!()
        };
        assert_eq!(
            fault.to_string(),
            "/no/such/procfs/self/mountinfo: read: no such file; is `procfs` right?"
        );
        let (_procfs, target) = machine("garbage\n", "1");
        let Err(fault) = probe(&target, &prober()).await else {
            panic!()
        };
        assert_eq!(fault.reason(), Reason::Malformed);
    }

    #[tokio::test]
    async fn our_own_table_serves_where_that_of_the_host_is_hidden() {
        let (_procfs, target) = machine("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n", "self");
        let Ok(Reading::Probe(probed)) = probe(&target, &prober()).await else {
            panic!()
        };
        assert_eq!((probed.entries, probed.plan.chosen.len()), (1, 1));
        assert!(probed.reports[0].unprobed && probed.trouble.is_some());
    }

    #[tokio::test]
    async fn the_server_of_an_sshfs_mount_is_the_one_that_fstab_names() {
        let text = "1 0 0:1 / / rw - ext4 /dev/sda1 rw\n\
                    2 1 0:2 / /mnt/a rw - fuse.sshfs chia@nas:/a rw,user_id=0\n\
                    3 1 0:3 / /mnt/b rw - fuse.sshfs chia@nas:/b rw,user_id=0\n";
        let (_procfs, mut target) = machine(text, "1");
        let rootfs = tempfile::tempdir().unwrap();
        fs::create_dir(rootfs.path().join("etc")).unwrap();
        let fstab = rootfs.path().join("etc/fstab");
        fs::write(fstab, "chia@nas:/a /mnt/a fuse.sshfs port=2222 0 0\n").unwrap();
        // As the table of a machine whose / is mounted there.
        let seen = text.replace(" / / ", " / ROOT ").replace(" /mnt", " ROOT/mnt");
        let seen = seen.replace("ROOT", rootfs.path().to_str().unwrap());
        fs::write(target.procfs.join("1/mountinfo"), seen).unwrap();
        target.rootfs = rootfs.path().to_owned();
        let table = mount_table(&target).await.unwrap();
        let servers = table.rows.into_iter().map(|row| row.server);
        let servers: Vec<_> = servers
            .map(|server| server.map(|server| (server.host, server.port)))
            .collect();
        assert_eq!(servers, [None, Some(("nas".to_owned(), 2222)), None]);
    }

    #[tokio::test]
    async fn each_server_is_tried_once() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap().port();
        let closed = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let text = format!(
            "1 0 0:1 / /mnt/a rw - cifs //nas/a rw,addr=127.0.0.1,port={open}\n\
             2 0 0:2 / /mnt/b rw - cifs //nas/b rw,addr=127.0.0.1,port={open}\n\
             3 0 0:3 / /mnt/c rw - nfs4 nas:/c rw,addr=127.0.0.1,port={closed}\n"
        );
        let (_procfs, target) = machine(&text, "1");
        let upstream = Upstream::from_system().unwrap();
        let Ok(Reading::Servers(mut servers)) = servers(&target, &upstream).await else {
            panic!()
        };
        servers.sort_by_key(|(_, reachable)| *reachable);
        let found: Vec<_> = servers
            .iter()
            .map(|(server, reachable)| (server.port, *reachable))
            .collect();
        assert_eq!(found, [(closed, false), (open, true)]);
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_ok() && listener.accept().is_err());
    }
}
