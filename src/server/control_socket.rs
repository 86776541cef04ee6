//! The unix socket on which everything is allowed to root and to our own user.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use tokio::net::{UnixListener, UnixStream};

use crate::values;

/// Where the control socket is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlSocketPath {
    pub path: PathBuf,
    /// Somebody asked for this very path; without it there is no start.
    pub required: bool,
}

/// Who may open the socket, and enter a directory that was made for it.
#[derive(Clone, Copy, Debug)]
struct Modes {
    socket: u32,
    directory: u32,
}

/// Its owner.
const CONTROL: Modes = Modes {
    socket: 0o600,
    directory: 0o700,
};
/// The group as well, which is that of the process, or of the directory where that hands its own on.
const REMOTE: Modes = Modes {
    socket: 0o660,
    directory: 0o750,
};

/// The socket while we listen; its file goes with it.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    modes: Modes,
    /// Device and inode of our file: another process may have put its own in the place of ours.
    identity: Option<(u64, u64)>,
    /// It is gone and could not be made anew, which was told.
    missed: bool,
}

impl ControlSocket {
    /// Only its owner can open it, from the first moment. A socket that nobody listens on any more is replaced.
    ///
    /// Nothing where it cannot be had and is not required; that is logged.
    pub fn bind(wanted: &ControlSocketPath) -> Result<Option<Self>, String> {
        match Self::bind_at(&wanted.path) {
            Ok(socket) => {
                tracing::info!("the control socket is {}", socket.path.display());
                Ok(Some(socket))
            }
            Err(words) if wanted.required => Err(words),
            Err(words) => {
                tracing::warn!(
                    "{words}; going on without it (--web.control-socket chooses another path, or none with \"\")"
                );
                Ok(None)
            }
        }
    }

    /// Where other farmwardens ask. Without it there is no start.
    pub fn for_others(path: &Path) -> Result<Self, String> {
        let socket = Self::bind_with(path, REMOTE)?;
        tracing::info!("other farmwardens on this machine ask at {}", path.display());
        Ok(socket)
    }

    fn bind_at(path: &Path) -> Result<Self, String> {
        Self::bind_with(path, CONTROL)
    }

    fn bind_with(path: &Path, modes: Modes) -> Result<Self, String> {
        let refuse = |words: &str| format!("cannot listen on the socket {}: {words}", path.display());
        make_directory(path, modes.directory)
            .map_err(|e| refuse(&format!("its directory: {}", values::io_words(&e))))?;
        remove_stale(path).map_err(|words| refuse(&words))?;
        let listener = bind_closed(path, modes.socket).map_err(|e| refuse(&values::io_words(&e)))?;
        Ok(Self {
            identity: identity(path),
            listener,
            path: path.to_owned(),
            modes,
            missed: false,
        })
    }

    /// Makes the socket anew where its file has gone: somebody tidied up /run, or another program took the directory for
    /// its own. A file that is there, whoever made it, is left alone. The time of the next look is the caller's.
    pub(super) fn renew(&mut self) {
        let gone = std::fs::symlink_metadata(&self.path).is_err_and(|e| e.kind() == ErrorKind::NotFound);
        if !gone {
            self.missed = false;
            return;
        }
        match Self::bind_with(&self.path, self.modes) {
            Ok(socket) => {
                tracing::warn!("the socket {} was deleted and is made anew", self.path.display());
                *self = socket;
            }
            // Once, and not with every look.
            Err(words) if !self.missed => {
                tracing::warn!("a socket was deleted: {words}");
                self.missed = true;
            }
            Err(_) => {}
        }
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if self.identity.is_some() && self.identity == identity(&self.path) {
            // It may be gone by then; nothing else is lost.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// Nobody else may open it, at no moment: it is made in a directory that only we can enter, and moved from there. A umask
/// would be one for all threads.
fn bind_closed(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let nook = path.with_file_name(format!(".fw{}", std::process::id()));
    // Left by a process of the same number that was killed.
    drop(std::fs::remove_dir_all(&nook));
    DirBuilder::new().mode(0o700).create(&nook)?;
    let hidden = nook.join("s");
    let bound = UnixListener::bind(&hidden).and_then(|listener| {
        std::fs::set_permissions(&hidden, Permissions::from_mode(mode))?;
        std::fs::rename(&hidden, path)?;
        Ok(listener)
    });
    drop(std::fs::remove_dir_all(&nook));
    bound
}

/// Whether root or our own user is at the other end, as the kernel says.
pub(super) fn is_trusted(stream: &UnixStream) -> bool {
    uid(stream).is_some_and(|uid| uid == 0 || uid == geteuid().as_raw())
}

/// Who is at the other end; nothing if the kernel does not say.
pub(super) fn uid(stream: &UnixStream) -> Option<u32> {
    Some(stream.peer_cred().ok()?.uid())
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let file = std::fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

/// Only the last step of the path; one that is there already belongs to somebody who chose its permissions.
fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) else {
        return Ok(());
    };
    match DirBuilder::new().mode(mode).create(directory) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

fn remove_stale(path: &Path) -> Result<(), String> {
    let file = match std::fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(values::io_words(&e)),
    };
    if !file.file_type().is_socket() {
        return Err("there is a file that is no socket; remove it".to_owned());
    }
    // A connection to a unix socket is refused or made at once, also when nobody accepts it.
    match StdStream::connect(path) {
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|e| format!("the one of a dead process stays: {}", values::io_words(&e)))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(values::io_words(&e)),
        Ok(_) => Err("another farmwarden listens there".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn only_its_owner_can_open_it_and_it_is_gone_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/control.sock");
        let socket = ControlSocket::bind_at(&path).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let _client = UnixStream::connect(&path).await.unwrap();
        assert!(is_trusted(&socket.accept().await.unwrap()));
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_dead_one_is_replaced_and_a_live_one_or_a_file_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let live = ControlSocket::bind_at(&path).unwrap();
        let words = ControlSocket::bind_at(&path).unwrap_err();
        assert!(words.contains("another farmwarden listens there"), "{words}");
        let wanted = |required| ControlSocketPath {
            path: path.clone(),
            required,
        };
        assert!(ControlSocket::bind(&wanted(true)).is_err());
        assert!(ControlSocket::bind(&wanted(false)).unwrap().is_none());
        drop(live);
        std::fs::write(&path, "precious").unwrap();
        assert!(ControlSocket::bind_at(&path).unwrap_err().contains("no socket"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn one_that_was_deleted_is_made_anew_and_nobody_else_s_is_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/control.sock");
        let mut socket = ControlSocket::bind_at(&path).unwrap();
        let before = identity(&path);
        socket.renew();
        assert_eq!(identity(&path), before, "it is there");
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        socket.renew();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let _client = UnixStream::connect(&path).await.unwrap();
        socket.accept().await.unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        socket.renew();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn the_socket_of_a_successor_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("control.sock");
        let first = ControlSocket::bind_at(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = ControlSocket::bind_at(&path).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }
}
