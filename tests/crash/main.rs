//! A process that hears alerts and repairs is killed (`kill -9`) again and again, at random points, and begins anew on what is
//! on the disk. Nothing that was acknowledged may be lost, nothing done twice, and the journal must hold.
//!
//! `cargo test --test crash` kills 100 times; `cargo test --test crash -- 1000` as often as is said. When it is killed depends
//! on what the process said and never on a clock, so a slow machine changes how long it takes and not what comes of it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and says what it did"
)]

mod judge;
mod life;

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use farmwarden::journal::{Hash, verify};

use judge::Judged;

const KILLS: u32 = 100;
/// Kills on one journal; then there is a new one, because every start reads all of it.
const KILLS_OF_A_FARM: u32 = 20;
/// A process is killed after it said so many bytes at most: starts, acknowledgements, actions, ends.
const MOST_SIGNS: u64 = 60;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [life::LIVE, directory] => life::live(Path::new(directory), false),
        [life::SETTLE, directory] => life::live(Path::new(directory), true),
        _ => {
            let number = arguments.iter().find_map(|argument| argument.parse().ok());
            kill_again_and_again(number.unwrap_or(KILLS));
        }
    }
}

fn kill_again_and_again(kills: u32) {
    let mut random = Random(0x5eed);
    let (mut left, mut sum) = (kills, Judged::default());
    while left > 0 {
        let here = left.min(KILLS_OF_A_FARM);
        left -= here;
        sum += farm(here, &mut random);
    }
    println!("killed {kills} times: {sum}");
    println!("test result: ok. {kills} passed; 0 failed");
}

/// One journal, from its first record until everything is over.
fn farm(kills: u32, random: &mut Random) -> Judged {
    let place = tempfile::tempdir().unwrap();
    let mut known: Option<Hash> = None;
    for _ in 0..kills {
        let mut child = start(life::LIVE, place.path());
        wait_for_signs(&mut child, random.up_to(MOST_SIGNS));
        // Not always in the moment in which it says something.
        for _ in 0..random.up_to(200_000) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        known = holds(place.path(), known);
    }
    let mut child = start(life::SETTLE, place.path());
    let ended = child.wait().unwrap();
    assert!(ended.success(), "it does not come to an end by itself: {ended}");
    holds(place.path(), known);
    judge::judge(place.path())
}

/// The chain holds, and what was its end is still part of it. Returns its end now.
fn holds(place: &Path, known: Option<Hash>) -> Option<Hash> {
    let journal = place.join(life::JOURNAL);
    if known.is_none() && !journal.exists() {
        return None;
    }
    let verified = verify(&journal, known).unwrap();
    assert!(
        known.is_none() || verified.found.is_some(),
        "the journal lost its end {known:?}: {verified:?}"
    );
    (verified.head.sequence > 0).then_some(verified.head.hash)
}

#[expect(clippy::disallowed_methods, reason = "the process under test is this program")]
fn start(how: &str, place: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let stdout = if how == life::LIVE {
        Stdio::piped()
    } else {
        Stdio::null()
    };
    command
        .arg(how)
        .arg(place)
        .stdin(Stdio::null())
        .stdout(stdout)
        .spawn()
        .unwrap()
}

fn wait_for_signs(child: &mut Child, signs: u64) {
    let said = child.stdout.as_mut().unwrap();
    let mut bytes = vec![0; signs.try_into().unwrap()];
    let has_said = said.read_exact(&mut bytes);
    // It goes on for ever, so an end of what it says is its own.
    assert!(has_said.is_ok(), "it ended by itself: {}", child.wait().unwrap());
}

/// Marsaglia's xorshift: the same kills on every machine.
struct Random(u64);

impl Random {
    /// From 0 on, and below `bound`.
    fn up_to(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
