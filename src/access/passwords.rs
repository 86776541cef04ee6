//! Passwords against their bcrypt hashes, without letting anybody who guesses delay those who know.
//!
//! A proven password is remembered until the file changes, so bcrypt is paid once. Everything else waits in a short
//! queue for one computation at a time.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bcrypt::HashParts;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use tokio::sync::Semaphore;

use crate::values::{Secret, deserialize_from_str};

/// Checks waiting for their turn, over all clients. Beyond it a client is told to come again: without it, guesses would
/// pile up in memory and a first login would wait behind all of them.
const MAX_WAITING: usize = 16;
/// Of them, from one address: whoever guesses cannot take every place.
const MAX_WAITING_PER_ADDRESS: usize = 4;
/// Proven passwords that are remembered. Only who knows a password can fill it; then it begins anew.
const MAX_KNOWN: usize = 256;
/// A hash with a higher cost takes minutes of computing for one login; 18 takes some twenty seconds.
const HIGHEST_COST: u32 = 18;
/// From here on the first login outlasts a usual scrape timeout on a slow machine.
const SLOW_COST: u32 = 15;

/// A bcrypt hash that has been looked at; it does not print.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct PasswordHash {
    text: Secret,
    cost: u32,
}

impl PasswordHash {
    pub(super) const fn is_slow(&self) -> bool {
        self.cost >= SLOW_COST
    }

    pub(super) const fn cost(&self) -> u32 {
        self.cost
    }

    /// No password fits it, and finding that out takes as long as for a hash of that cost.
    fn of_nobody(cost: u32) -> Self {
        Self {
            text: Secret::new(format!("$2b${cost:02}${}", ".".repeat(53))),
            cost,
        }
    }

    fn fits(&self, password: &Secret) -> bool {
        matches!(bcrypt::verify(password.expose(), self.text.expose()), Ok(true))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl FromStr for PasswordHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not repeated: whoever misread the format wrote a password here.
        let parts: HashParts = text.parse().map_err(|_| {
            "not a bcrypt hash; make one with `htpasswd -nBC 10 NAME` and put what stands behind the colon here ($2y$10$...)"
                .to_owned()
        })?;
        match parts.get_cost() {
            4..=HIGHEST_COST => Ok(Self {
                text: Secret::new(text),
                cost: parts.get_cost(),
            }),
            cost => Err(format!(
                "a bcrypt hash of cost {cost}; between 4 and {HIGHEST_COST} is possible, 10 is usual, and each step doubles the time of a login"
            )),
        }
    }
}

deserialize_from_str!(PasswordHash, "a bcrypt hash like $2y$10$...");

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Fits,
    Wrong,
    /// Too many are waiting already; nothing was checked.
    Busy,
}

/// Names and passwords that were proven, as digests.
type Known = Mutex<HashSet<[u8; SHA256_OUTPUT_LEN]>>;

/// The one place where passwords are checked.
#[derive(Debug)]
pub(super) struct Passwords {
    known: Arc<Known>,
    /// One: a second computation would take the second core of a small machine from the rounds.
    turn: Arc<Semaphore>,
    waiting: Mutex<Vec<IpAddr>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            known: Arc::default(),
            turn: Arc::new(Semaphore::new(1)),
            waiting: Mutex::default(),
        }
    }
}

impl Passwords {
    /// Whether the password fits. An unknown user (`hash` is nothing) takes as long as one with a hash of cost
    /// `like`, so that the time does not tell who exists.
    pub(super) async fn check(
        &self,
        peer: IpAddr,
        user: &str,
        password: &Secret,
        hash: Option<&PasswordHash>,
        like: u32,
    ) -> Proof {
        let exists = hash.is_some();
        let hash = hash.cloned().unwrap_or_else(|| PasswordHash::of_nobody(like));
        let digest = digest(user, password, &hash);
        if exists && locked(&self.known).contains(&digest) {
            return Proof::Fits;
        }
        let Some(_place) = self.wait_in_line(peer) else {
            return Proof::Busy;
        };
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else {
            return Proof::Busy;
        };
        // A scraper that was restarted comes with several requests at once; the first one has proven it for all.
        if exists && locked(&self.known).contains(&digest) {
            return Proof::Fits;
        }
        let known = Arc::clone(&self.known);
        let password = password.clone();
        // The computation goes on when the client has gone, holds the turn to its end, and is remembered: a scraper
        // whose timeout is shorter than a slow hash gets in the next time.
        let computed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let fits = exists && hash.fits(&password);
            if fits {
                remember(&known, digest);
            } else if !exists {
                hash.fits(&password);
            }
            fits
        });
        match computed.await {
            Ok(true) => Proof::Fits,
            Ok(false) => Proof::Wrong,
            // The process is stopping.
            Err(_) => Proof::Busy,
        }
    }

    /// After the file has changed.
    pub(super) fn forget(&self) {
        locked(&self.known).clear();
    }

    fn wait_in_line(&self, peer: IpAddr) -> Option<Place<'_>> {
        let mut waiting = locked(&self.waiting);
        let own = waiting.iter().filter(|other| **other == peer).count();
        if waiting.len() >= MAX_WAITING || own >= MAX_WAITING_PER_ADDRESS {
            return None;
        }
        waiting.push(peer);
        drop(waiting);
        Some(Place {
            waiting: &self.waiting,
            peer,
        })
    }
}

/// A place in the line, given back however the waiting ends.
struct Place<'a> {
    waiting: &'a Mutex<Vec<IpAddr>>,
    peer: IpAddr,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = locked(self.waiting);
        if let Some(index) = waiting.iter().position(|other| *other == self.peer) {
            waiting.swap_remove(index);
        }
    }
}

fn remember(known: &Known, digest: [u8; SHA256_OUTPUT_LEN]) {
    let mut known = locked(known);
    if known.len() >= MAX_KNOWN {
        known.clear();
    }
    known.insert(digest);
}

/// Over the stored hash too: a changed password is another entry.
fn digest(user: &str, password: &Secret, hash: &PasswordHash) -> [u8; SHA256_OUTPUT_LEN] {
    let mut context = Context::new(&SHA256);
    for part in [user, password.expose(), hash.text.expose()] {
        // With the lengths, so that a part cannot reach into the next one.
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut out = [0; SHA256_OUTPUT_LEN];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// A panic elsewhere leaves nothing half-done in these collections.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn hash(password: &str) -> PasswordHash {
        bcrypt::hash(password, 4).unwrap().parse().unwrap()
    }

    #[test]
    fn only_bcrypt_hashes_of_a_bearable_cost_are_read_and_none_is_repeated() {
        let good = bcrypt::hash("p", 4).unwrap();
        for version in ["$2a$", "$2b$", "$2y$"] {
            assert!(
                good.replace("$2b$", version).parse::<PasswordHash>().is_ok(),
                "{version}"
            );
        }
        assert!(good.replace("$04$", "$18$").parse::<PasswordHash>().unwrap().is_slow());
        let heavy = good.replace("$04$", "$19$");
        let mut short = good.clone();
        short.pop();
        for wrong in ["hunter2", "", "$1$abc", &heavy, &short] {
            let words = wrong.parse::<PasswordHash>().unwrap_err();
            assert!(wrong.is_empty() || !words.contains(wrong), "{words}");
        }
        assert_eq!(format!("{:?}", hash("p")), "<secret>");
    }

    #[tokio::test]
    async fn a_password_fits_its_hash_only_and_nobody_has_one() {
        let passwords = Passwords::default();
        let hash = hash("right");
        let check = async |password: &str, hash| passwords.check(PEER, "alice", &Secret::new(password), hash, 4).await;
        assert_eq!(check("wrong", Some(&hash)).await, Proof::Wrong);
        assert_eq!(check("right", None).await, Proof::Wrong);
        assert_eq!(check("right", Some(&hash)).await, Proof::Fits);
        assert_eq!(check("wrong", Some(&hash)).await, Proof::Wrong);
        assert_eq!(check("", None).await, Proof::Wrong);
    }

    #[tokio::test]
    async fn a_known_password_needs_no_turn_until_it_is_forgotten() {
        let passwords = Passwords::default();
        let hash = hash("right");
        let password = Secret::new("right");
        assert_eq!(
            passwords.check(PEER, "alice", &password, Some(&hash), 4).await,
            Proof::Fits
        );
        let turn = Arc::clone(&passwords.turn).acquire_owned().await.unwrap();
        assert_eq!(
            passwords.check(PEER, "alice", &password, Some(&hash), 4).await,
            Proof::Fits
        );
        passwords.forget();
        let mut again = std::pin::pin!(passwords.check(PEER, "alice", &password, Some(&hash), 4));
        assert!(tokio::time::timeout(Duration::ZERO, again.as_mut()).await.is_err());
        drop(turn);
        assert_eq!(again.await, Proof::Fits);
    }

    #[tokio::test]
    async fn the_line_is_short_and_one_address_cannot_fill_it() {
        let passwords = Passwords::default();
        let places: Vec<_> = std::iter::from_fn(|| passwords.wait_in_line(PEER)).take(100).collect();
        assert_eq!(places.len(), MAX_WAITING_PER_ADDRESS);
        let hash = hash("right");
        let password = Secret::new("right");
        assert_eq!(
            passwords.check(PEER, "alice", &password, Some(&hash), 4).await,
            Proof::Busy
        );
        let other = IpAddr::from([10, 0, 0, 7]);
        assert_eq!(
            passwords.check(other, "alice", &password, Some(&hash), 4).await,
            Proof::Fits
        );
        let others = (1..=200).filter_map(|last| passwords.wait_in_line(IpAddr::from([10, 0, 1, last])));
        assert_eq!(
            others.map(std::mem::ManuallyDrop::new).count(),
            MAX_WAITING - MAX_WAITING_PER_ADDRESS
        );
        drop(places);
        assert!(passwords.wait_in_line(PEER).is_some());
    }

    #[test]
    fn name_and_password_cannot_be_shifted_into_one_another() {
        let hash = hash("p");
        assert_ne!(
            digest("ab", &Secret::new("c"), &hash),
            digest("a", &Secret::new("bc"), &hash)
        );
    }
}
