//! Passwords against their bcrypt hashes, without letting anybody who guesses delay those who know.
//!
//! A proven password is remembered until the file changes, so bcrypt is paid once. Everything else waits for one
//! computation at a time, and the addresses from which somebody waits take turns: a right password that is not known yet
//! waits behind one guess of each other address, however many those send.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bcrypt::HashParts;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::values::{Secret, deserialize_from_str};

/// Addresses from which somebody waits. Beyond it a new one is told to come again: without it, a first login could wait
/// for minutes. Who guesses needs as many addresses of his own to keep others out.
const MAX_ADDRESSES: usize = 32;
/// Checks waiting from one address, one behind the other. A scraper that was restarted comes with several at once.
const MAX_WAITING_PER_ADDRESS: usize = 16;
/// For its turn. A usual scrape has given up after ten seconds.
const WAIT_WITHIN: Duration = Duration::from_secs(8);
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
    waiting: Mutex<HashMap<IpAddr, Waiting>>,
}

/// Those who wait from one address.
#[derive(Debug)]
struct Waiting {
    count: usize,
    /// Whose holder stands in the line of all addresses.
    first: Arc<Semaphore>,
}

/// Both are held until a computation has ended.
type Turn = (OwnedSemaphorePermit, OwnedSemaphorePermit);

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
        let Some(place) = self.wait_in_line(peer) else {
            return Proof::Busy;
        };
        let Ok(Some(turn)) = tokio::time::timeout(WAIT_WITHIN, place.turn()).await else {
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
        if !waiting.contains_key(&peer) && waiting.len() >= MAX_ADDRESSES {
            return None;
        }
        let own = waiting.entry(peer).or_insert_with(|| Waiting {
            count: 0,
            first: Arc::new(Semaphore::new(1)),
        });
        if own.count >= MAX_WAITING_PER_ADDRESS {
            return None;
        }
        own.count += 1;
        Some(Place {
            passwords: self,
            peer,
            first: Arc::clone(&own.first),
        })
    }
}

/// A place in the line, given back however the waiting ends.
struct Place<'a> {
    passwords: &'a Passwords,
    peer: IpAddr,
    first: Arc<Semaphore>,
}

impl Place<'_> {
    /// Both semaphores serve in the order of asking. Only the first of an address asks for the turn, so the addresses
    /// take turns.
    async fn turn(&self) -> Option<Turn> {
        let first = Arc::clone(&self.first).acquire_owned().await.ok()?;
        let turn = Arc::clone(&self.passwords.turn).acquire_owned().await.ok()?;
        Some((first, turn))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = locked(&self.passwords.waiting);
        if let Some(own) = waiting.get_mut(&self.peer) {
            own.count -= 1;
            if own.count == 0 {
                waiting.remove(&self.peer);
            }
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

    use futures_util::FutureExt as _;

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

    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));

    #[tokio::test]
    async fn the_line_is_short_and_one_address_cannot_fill_it() {
        let passwords = Passwords::default();
        let places: Vec<_> = std::iter::from_fn(|| passwords.wait_in_line(PEER)).take(100).collect();
        assert_eq!(places.len(), MAX_WAITING_PER_ADDRESS);
        let hash = hash("right");
        let password = Secret::new("right");
        let check = async |peer| passwords.check(peer, "alice", &password, Some(&hash), 4).await;
        assert_eq!(check(PEER).await, Proof::Busy);
        assert_eq!(check(OTHER).await, Proof::Fits);
        let others: Vec<_> = (1..=200)
            .filter_map(|last| passwords.wait_in_line(IpAddr::from([10, 0, 1, last])))
            .collect();
        assert_eq!(others.len(), MAX_ADDRESSES - 1);
        drop((places, others));
        assert!(locked(&passwords.waiting).is_empty());
    }

    #[tokio::test]
    async fn the_first_of_an_address_waits_behind_one_of_another_and_not_behind_all() {
        let passwords = Passwords::default();
        let computing = Arc::clone(&passwords.turn).acquire_owned().await.unwrap();
        let guesses: Vec<_> = std::iter::from_fn(|| passwords.wait_in_line(PEER)).collect();
        let mut guesses: Vec<_> = guesses.iter().map(|place| Box::pin(place.turn())).collect();
        assert!(guesses.iter_mut().all(|guess| guess.as_mut().now_or_never().is_none()));
        let place = passwords.wait_in_line(OTHER).unwrap();
        let mut newcomer = Box::pin(place.turn());
        assert!(newcomer.as_mut().now_or_never().is_none());
        drop(computing);
        let first = guesses.remove(0).now_or_never().flatten().unwrap();
        assert!(guesses.iter_mut().all(|guess| guess.as_mut().now_or_never().is_none()));
        drop(first);
        assert!(newcomer.now_or_never().flatten().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_a_scrape() {
        let passwords = Passwords::default();
        let _computing = Arc::clone(&passwords.turn).acquire_owned().await.unwrap();
        let hash = hash("right");
        let password = Secret::new("right");
        assert_eq!(
            passwords.check(PEER, "alice", &password, Some(&hash), 4).await,
            Proof::Busy
        );
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
