//! The mounts of a machine in one line, for people.

use super::snapshot::MountView;

/// Names that fit into a line.
const MOST_NAMES: usize = 3;

/// Of the part `probe`; an error when a mount does not answer, since then its figures are those of yesterday.
pub(super) fn probe(mounts: &[MountView]) -> Result<String, String> {
    let present = mounts.iter().filter(|mount| mount.present);
    let (watched, plots) = (present.clone().count(), present.filter(|mount| mount.plots).count());
    let words = match watched {
        1 => format!("1 mount is watched, {plots} for plots"),
        _ => format!("{watched} mounts are watched, {plots} for plots"),
    };
    let hanging: Vec<&MountView> = mounts.iter().filter(|mount| mount.stuck == Some(true)).collect();
    if hanging.is_empty() {
        return Ok(words);
    }
    let mut names: Vec<&str> = hanging
        .iter()
        .take(MOST_NAMES)
        .map(|mount| mount.mount.as_str())
        .collect();
    if hanging.len() > MOST_NAMES {
        names.push("...");
    }
    Err(format!(
        "{words}; not answering: {} (farmwarden explain mount_stuck)",
        names.join(", ")
    ))
}

/// Of the part `servers`.
pub(super) fn servers(reachable: &[bool]) -> String {
    match (
        reachable.len(),
        reachable.iter().filter(|reachable| **reachable).count(),
    ) {
        (0, _) => "no share is mounted over the network".to_owned(),
        (all, reachable) => format!("{reachable} of {all} servers of shares accept connections"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(name: &str, stuck: bool) -> MountView {
        MountView {
            mount: name.to_owned(),
            present: true,
            stuck: Some(stuck),
            ..MountView::default()
        }
    }

    #[test]
    fn mounts_that_hang_are_named() {
        let mut mounts = [mount("/", false), mount("/mnt/nas", false)];
        assert_eq!(probe(&mounts).unwrap(), "2 mounts are watched, 0 for plots");
        mounts[1].stuck = Some(true);
        assert_eq!(
            probe(&mounts).unwrap_err(),
            "2 mounts are watched, 0 for plots; not answering: /mnt/nas (farmwarden explain mount_stuck)"
        );
    }

    #[test]
    fn servers_are_counted() {
        assert_eq!(servers(&[]), "no share is mounted over the network");
        assert_eq!(servers(&[true, false]), "1 of 2 servers of shares accept connections");
    }
}
