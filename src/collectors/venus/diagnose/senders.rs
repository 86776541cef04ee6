//! Which sender is blocked, by which message, and why. Of what holds a sender up, the first cause is told.

use std::fmt;
use std::time::Duration as Std;

use super::{Look, whole_seconds};
use crate::collectors::Diagnosis;
use crate::collectors::venus::error_class::{ErrorClass, Stage};
use crate::collectors::venus::messager::{Book, Message, Pile, SenderState, SenderView, Shared, Sight, Waiting};
use crate::collectors::venus::snapshot::NonceWatch;
use crate::collectors::venus::symptoms::{
    FILLED_OLD, FILLED_STUCK, MESSAGE_ERRORS, NONCE_GAP, NONCE_MISSING, SENDER_FORBIDDEN, SIGNER_MISSING, UNDERPRICED,
    UNFILLED_OLD, UNFILLED_STUCK, WINDOW_POST_PENDING,
};
use crate::values::Duration;

/// The messager's clock may be ahead of ours by so much; what it dates later has no age.
const MOST_AHEAD: Std = Std::from_secs(600);

/// How long a nonce must be missing by the messager's lists: they leave out what is younger than a minute, and that may
/// have it. A little less than that, since rounds do not come on the dot.
const SURE_AFTER: Std = Std::from_secs(50);

/// Messages with a nonce that are off chain, and how many may be.
#[derive(Clone, Copy)]
struct Gap {
    messages: u64,
    limit: u64,
}

impl Gap {
    const fn is_full(self) -> bool {
        self.messages >= self.limit
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} messages with a nonce are not on chain (limit {})",
            self.messages, self.limit
        )
    }
}

/// Judges the symptoms of one sender.
struct Sender<'a> {
    look: &'a Look<'a>,
    book: &'a Book,
    shared: Option<&'a Shared>,
    view: &'a SenderView,
}

impl Look<'_> {
    pub(super) fn senders(&self, diagnosis: &mut Diagnosis) {
        let Some((book, shared)) = self.snapshot.current_book() else {
            return;
        };
        for view in &book.senders {
            let sender = Sender {
                look: self,
                book,
                shared,
                view,
            };
            sender.judge(diagnosis);
        }
    }
}

impl Sender<'_> {
    fn judge(&self, diagnosis: &mut Diagnosis) {
        let address = self.view.address.as_str();
        let forbidden = self.view.listed.as_ref().map(|sender| sender.state);
        let known = forbidden.filter(|state| *state != SenderState::Unknown);
        let not_taken = known.map(|state| matches!(state, SenderState::Forbidden | SenderState::Removing));
        diagnosis.judge(&SENDER_FORBIDDEN, address, not_taken, || {
            format!("it is {}", forbidden.map_or("", SenderState::words))
        });
        let unsigned = self.signer(diagnosis);
        let proof = self.window_post(diagnosis);
        let held_up = self.filled(proof, diagnosis);
        self.unfilled(unsigned, held_up, proof, diagnosis);
    }

    /// Whether nobody signs for it.
    fn signer(&self, diagnosis: &mut Diagnosis) -> bool {
        let address = self.view.address.as_str();
        let active = self.view.is_active() == Some(true);
        let signer = self
            .look
            .snapshot
            .signer_available(&self.view.address)
            .filter(|_| active);
        diagnosis.judge(&SIGNER_MISSING, address, signer.map(|available| !available), || {
            "no wallet that is connected to a gateway signs for it".to_owned()
        });
        signer == Some(false)
    }

    /// Whether a proof has waited too long: it is not told again as any message.
    fn window_post(&self, diagnosis: &mut Diagnosis) -> bool {
        let address = self.view.address.as_str();
        let posts = &self.view.queue.window_posts;
        let limit = self.look.thresholds.window_post_after;
        let late = self.late(posts, limit);
        let ill = self.told(late.is_some(), posts, self.view.sees.both(), limit);
        diagnosis.judge(&WINDOW_POST_PENDING, address, ill, || {
            let close = late.as_ref().and_then(|(message, _)| self.deadline(message));
            self.words(late.as_ref(), limit, posts) + &close.unwrap_or_default()
        });
        late.is_some()
    }

    /// Whether filled messages hold up the rest.
    fn filled(&self, proof: bool, diagnosis: &mut Diagnosis) -> bool {
        let address = self.view.address.as_str();
        let (missing, gap) = (self.nonce_missing(), self.gap());
        // What a nonce that may be missing explains is not judged before that is sure.
        let unsure = missing.is_none() && self.watch().is_some();
        let limits = self.look.thresholds;
        let pile = &self.view.queue.filled;
        let sight = self.view.sees.filled;
        let told_now = |found: bool, pile: &Pile, limit: Duration| {
            let told = self.told(found, pile, sight, limit);
            told.filter(|_| !self.look.behind && !unsure)
        };
        let told = |late: &(&Message, Std)| !unsure && missing.is_none() && !(proof && late.0.is_window_post());
        let stuck = self.late(pile, limits.filled_stuck_after).filter(told);
        let old = self.late(pile, limits.filled_old_after).filter(told);
        let old = old.filter(|_| stuck.is_none());
        let is_stuck = told_now(stuck.is_some(), pile, limits.filled_stuck_after);
        diagnosis.judge(&FILLED_STUCK, address, is_stuck, || {
            self.words(stuck.as_ref(), limits.filled_stuck_after, pile)
        });
        let is_old = told_now(old.is_some(), pile, limits.filled_old_after);
        diagnosis.judge(&FILLED_OLD, address, is_old, || {
            self.words(old.as_ref(), limits.filled_old_after, pile)
        });
        let sees = sight == Some(Sight::Whole) && !self.look.behind;
        diagnosis.judge(&NONCE_MISSING, address, sees.then_some(missing.is_some()), || {
            missing.clone().unwrap_or_default()
        });
        let cause = unsure || missing.is_some() || stuck.is_some() || old.is_some() || proof;
        let cheap = &self.view.queue.underpriced;
        let late = self.late(cheap, limits.underpriced_after).filter(|_| !cause);
        let is_cheap = told_now(late.is_some(), cheap, limits.underpriced_after).filter(|_| self.book.base_fee_known);
        diagnosis.judge(&UNDERPRICED, address, is_cheap, || {
            self.words(late.as_ref(), limits.underpriced_after, cheap)
        });
        let first = gap
            .filter(|_| !unsure)
            .map(|gap| gap.is_full() && !cause && late.is_none());
        diagnosis.judge(&NONCE_GAP, address, first, || {
            gap.as_ref().map(Gap::to_string).unwrap_or_default()
        });
        gap.is_some_and(Gap::is_full) || missing.is_some() || unsure
    }

    fn unfilled(&self, unsigned: bool, held_up: bool, proof: bool, diagnosis: &mut Diagnosis) {
        let address = self.view.address.as_str();
        let limits = self.look.thresholds;
        let queue = &self.view.queue;
        let pile = &queue.unfilled;
        let sight = self.view.sees.unfilled;
        let told_now = |found: bool, pile: &Pile, limit: Duration| {
            let told = self.told(found, pile, sight, limit);
            told.filter(|_| !self.look.behind)
        };
        let caused = unsigned || held_up;
        let told = |late: &(&Message, Std)| !(caused || (proof && late.0.is_window_post()));
        let stuck = self.late(pile, limits.unfilled_stuck_after).filter(told);
        let told_elsewhere = stuck.is_some_and(|(message, _)| self.is_consequence(message));
        let is_stuck = told_now(stuck.is_some(), pile, limits.unfilled_stuck_after).filter(|_| !told_elsewhere);
        diagnosis.judge(&UNFILLED_STUCK, address, is_stuck, || {
            self.words(stuck.as_ref(), limits.unfilled_stuck_after, pile)
        });
        let failing = queue
            .failing
            .as_ref()
            .filter(|message| stuck.is_none() && !unsigned && !(proof && message.is_window_post()));
        let told_elsewhere = failing.is_some_and(|message| self.is_consequence(message));
        let errors = self.book.sees_errors;
        let known = failing.is_some() || errors.is_some_and(|sight| sight.holds_all_from(Std::ZERO));
        let known = known && !told_elsewhere;
        diagnosis.judge(&MESSAGE_ERRORS, address, known.then_some(failing.is_some()), || {
            self.errors(failing)
        });
        let old = self
            .late(pile, limits.unfilled_old_after)
            .filter(told)
            .filter(|_| stuck.is_none() && failing.is_none());
        let is_old = told_now(old.is_some(), pile, limits.unfilled_old_after);
        diagnosis.judge(&UNFILLED_OLD, address, is_old, || {
            self.words(old.as_ref(), limits.unfilled_old_after, pile)
        });
    }

    /// Whether its error only says that somebody else does not answer, which is told there.
    fn is_consequence(&self, message: &Message) -> bool {
        let stage = message.error.as_deref().map(|error| ErrorClass::of(error).stage);
        let away = || self.look.no_gateway || self.look.snapshot.signer_is_away(&self.view.address);
        self.look.no_node || (stage == Some(Stage::Sign) && away())
    }

    /// Whether the present list still has the filled message beyond what the chain expects.
    fn watch(&self) -> Option<NonceWatch> {
        let watch = self.look.snapshot.nonce_watch(&self.view.address)?;
        (self.view.lowest_filled() == Some(watch.lowest)).then_some(watch)
    }

    /// In words, when the chain waits for a nonce that nobody has sent.
    fn nonce_missing(&self) -> Option<String> {
        let watch = self.watch()?;
        let sure = watch.lasted() >= SURE_AFTER && !self.look.behind;
        sure.then(|| {
            format!(
                "the chain expects nonce {}, the lowest filled message has {}; {} filled messages wait",
                watch.chain, watch.lowest, self.view.queue.filled.count
            )
        })
    }

    /// Unknown while the nodes are behind: the messages may be on chain.
    fn gap(&self) -> Option<Gap> {
        let wallets = self.look.snapshot.wallets.as_ref().filter(|_| !self.look.behind)?;
        Some(Gap {
            messages: wallets.rows.get(&self.view.address)?.gap()?,
            limit: self.view.selection_limit(self.shared).filter(|limit| *limit > 0)?,
        })
    }

    /// The oldest of a pile with its age, if that is beyond the limit.
    fn late<'c>(&self, pile: &'c Pile, limit: Duration) -> Option<(&'c Message, Std)> {
        let oldest = pile.oldest.as_ref()?;
        let age = self.age(oldest)?;
        (age >= limit.get()).then_some((oldest, age))
    }

    /// Unknown where it was created at no time, or in the future.
    fn age(&self, message: &Message) -> Option<Std> {
        let (created, now) = (message.created?, self.look.now.wall);
        (created <= now.plus(MOST_AHEAD)).then(|| created.age_at(now))
    }

    /// A judgement on the age of a pile. That nothing was found is worth something only where all that is old enough was
    /// read, and all ages are known.
    fn told(&self, found: bool, pile: &Pile, sight: Option<Sight>, limit: Duration) -> Option<bool> {
        let dated = pile.undated == 0 && pile.oldest.as_ref().is_none_or(|oldest| self.age(oldest).is_some());
        let all = dated && sight.is_some_and(|sight| sight.holds_all_from(limit.get()));
        let well = all || self.late(pile, limit).is_some();
        (found || well).then_some(found)
    }

    fn words(&self, late: Option<&(&Message, Std)>, limit: Duration, pile: &Pile) -> String {
        let Some((message, age)) = late else {
            return String::new();
        };
        let nonce = message
            .nonce
            .map(|nonce| format!(", nonce {nonce}"))
            .unwrap_or_default();
        let sight = self.view.sees.of(message.state);
        let in_all = match sight {
            Some(Sight::Cut { .. }) => format!("at least {} in all, as the list is truncated", pile.count),
            _ => format!("{} in all", pile.count),
        };
        let mut words = format!(
            "{} waits {} for {} (limit {limit}{nonce}, id {}), {in_all}",
            message.action(),
            message.state.label(),
            whole_seconds(*age),
            message.id
        );
        if let (Some(cap), Some(fee), Waiting::Filled) =
            (&message.fee_cap, self.look.snapshot.base_fee(), message.state)
            && cap < fee
        {
            let cheap = format!(
                "; it pays at most {} attoFIL, the base fee is {}",
                cap.attofil(),
                fee.attofil()
            );
            words.push_str(&cheap);
        }
        let why = match (&message.error, message.state) {
            (Some(error), _) => format!("; {}: {error}", ErrorClass::of(error).words()),
            (None, Waiting::Unfilled) => self.before_it(),
            (None, Waiting::Filled) => String::new(),
        };
        words + &why
    }

    /// What an unfilled message without an error of its own waits for: others that take every place.
    fn before_it(&self) -> String {
        match (self.gap(), &self.view.queue.failing) {
            (Some(gap), _) if gap.is_full() => format!("; nothing more is selected: {gap}"),
            (_, Some(failing)) => format!("; of this sender {}", self.errors(Some(failing))),
            (_, None) => String::new(),
        }
    }

    fn errors(&self, failing: Option<&Message>) -> String {
        let Some(message) = failing else { return String::new() };
        let queue = &self.view.queue;
        let classes = queue
            .errors
            .iter()
            .map(|(class, count)| format!("{count} {}", class.words()));
        format!(
            "{} with an error ({}); the oldest is {} (id {}): {}",
            queue.with_error(),
            classes.collect::<Vec<_>>().join("; "),
            message.action(),
            message.id,
            message.error.as_deref().unwrap_or_default()
        )
    }

    /// How long the window of the miner that is proved for stays open.
    fn deadline(&self, message: &Message) -> Option<String> {
        let miner = message.to.as_ref()?;
        let states = self.look.snapshot.states.as_ref()?;
        let close = states.rows.get(miner)?.deadline?.close?;
        let chain = &self.look.snapshot.best_head()?.chain;
        let left = close.checked_sub(chain.expected(self.look.now.wall)?)?;
        let left = whole_seconds(chain.lasting(left)?);
        Some(format!("; the window that was open when last asked closes in {left}"))
    }
}
