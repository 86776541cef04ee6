//! Senders and their messages, as samples.

use super::{Book, SenderView, Shared, Waiting};
use crate::collectors::venus::messager::book::Sight;
use crate::collectors::venus::snapshot::Snapshot;
use crate::exposition::{Desc, Page};

pub(in crate::collectors::venus) static MESSAGES: Desc<2> = Desc::gauge(
    "venus_messager_messages",
    "Messages of a sender that have waited for more than a minute (up to 1.10 unfilled ones of any age): unfilled without a nonce, filled for a block. At least so many where venus_messager_list_truncated is 1, and absent there instead of 0. Absent for a sender that is not active and was not asked for by itself (ListBlockedMessage, ListFailedMessage; ListMessageByFromState up to 1.10).",
    &["address", "state"],
);
pub(in crate::collectors::venus) static OLDEST: Desc<2> = Desc::gauge(
    "venus_messager_oldest_message_created_timestamp_seconds",
    "When the oldest waiting message of a sender that was read was created, since 1970; absent when none waits (CreatedAt).",
    &["address", "state"],
);
pub(in crate::collectors::venus) static WITH_ERROR: Desc<1> = Desc::gauge(
    "venus_messager_messages_with_error",
    "Waiting messages of a sender with an error text (ListFailedMessage, ListBlockedMessage).",
    &["address"],
);
pub(in crate::collectors::venus) static ERRORS: Desc<3> = Desc::gauge(
    "venus_messager_errors",
    "The same by what the text says: how far the message got, and the chain's exit code. Only classes that occur.",
    &["address", "class", "exit_code"],
);
pub(in crate::collectors::venus) static UNDERPRICED: Desc<1> = Desc::gauge(
    "venus_messager_underpriced_messages",
    "Filled messages of a sender whose fee cap is below the base fee (GasFeeCap, ParentBaseFee).",
    &["address"],
);
pub(in crate::collectors::venus) static WINDOW_POSTS: Desc<1> = Desc::gauge(
    "venus_messager_window_post_pending",
    "Proofs for a window of a sender that wait for more than a minute, in either state (method 5 to a miner).",
    &["address"],
);
pub(in crate::collectors::venus) static NONCE: Desc<1> = Desc::gauge(
    "venus_messager_address_nonce",
    "The next nonce that the messager hands out to a sender (ListAddress).",
    &["address"],
);
pub(in crate::collectors::venus) static GAP: Desc<1> = Desc::gauge(
    "venus_messager_nonce_gap",
    "Messages of a sender with a nonce that the chain does not have yet: the messager's next nonce less the chain's, which was read after it (ListAddress, StateGetActor).",
    &["address"],
);
pub(in crate::collectors::venus) static LIMIT: Desc<1> = Desc::gauge(
    "venus_messager_selection_limit",
    "Nonce gap at which nothing more of a sender is selected: its own limit or the shared one (ListAddress, GetSharedParams).",
    &["address"],
);
pub(in crate::collectors::venus) static ACTIVE: Desc<1> = Desc::gauge(
    "venus_messager_address_active",
    "1 if messages of a sender are selected; 0 when it is forbidden or being removed; absent in a state that is not known (ListAddress).",
    &["address"],
);
pub(in crate::collectors::venus) static CUT: Desc<1> = Desc::gauge(
    "venus_messager_list_truncated",
    "1 if there were more messages of active senders in this state than were read (most_messages, 64 MiB, the time for an answer); absent when the token or version does not let us see the state.",
    &["state"],
);
pub(in crate::collectors::venus) static MALFORMED: Desc<0> = Desc::gauge(
    "venus_messager_malformed_rows",
    "Senders and messages of the last round that could not be read and are left out.",
    &[],
);
pub(in crate::collectors::venus) static MAX_FEE: Desc<0> = Desc::gauge(
    "venus_messager_shared_max_fee_fil",
    "The most that a message may cost in FIL unless its sender has a limit of its own; 0 is no limit (GetSharedParams, maxFee).",
    &[],
);
pub(in crate::collectors::venus) static FEE_CAP: Desc<0> = Desc::gauge(
    "venus_messager_shared_gas_fee_cap_fil",
    "The shared fee cap in FIL per unit of gas; 0 is none (GetSharedParams, gasFeeCap).",
    &[],
);
pub(in crate::collectors::venus) static SHARED_LIMIT: Desc<0> = Desc::gauge(
    "venus_messager_shared_selection_limit",
    "Selection limit of senders without one of their own (GetSharedParams, selMsgNum).",
    &[],
);

pub(in crate::collectors::venus) fn samples(snapshot: &Snapshot, page: &mut Page) {
    let said = snapshot.messagers.seen().find_map(|(_, seen)| seen.shared.as_ref());
    if let Some(shared) = said {
        page.add(&MAX_FEE, [], shared.max_fee.as_ref());
        page.add(&FEE_CAP, [], shared.gas_fee_cap.as_ref());
        page.add(&SHARED_LIMIT, [], shared.selection_limit);
    }
    let Some((book, _)) = snapshot.book() else { return };
    page.add(&MALFORMED, [], book.malformed);
    for state in Waiting::ALL {
        let sight = book.sees.of(state);
        page.add(&CUT, [state.label()], sight.map(|sight| sight != Sight::Whole));
    }
    for view in &book.senders {
        sender(book, view, said, page);
        let gap = snapshot
            .wallets
            .as_ref()
            .and_then(|claims| claims.rows.get(&view.address)?.gap());
        page.add(&GAP, [view.address.as_str()], gap);
    }
}

fn sender(book: &Book, view: &SenderView, shared: Option<&Shared>, page: &mut Page) {
    let address = view.address.as_str();
    let queue = &view.queue;
    for state in Waiting::ALL {
        let Some(sight) = view.sees.of(state) else { continue };
        let pile = queue.pile(state);
        page.add(&MESSAGES, [address, state.label()], sight.counted(pile.count));
        let created = pile.oldest.as_ref().and_then(|message| message.created);
        page.add(&OLDEST, [address, state.label()], created);
    }
    let with_error = book.sees_errors.and_then(|sight| sight.counted(queue.with_error()));
    page.add(&WITH_ERROR, [address], with_error);
    for (class, count) in &queue.errors {
        page.add(&ERRORS, [address, class.stage.label(), class.exit_code.label()], *count);
    }
    page.add(&UNDERPRICED, [address], book.underpriced(view));
    let posts = view
        .sees
        .both()
        .and_then(|sight| sight.counted(queue.window_posts.count));
    page.add(&WINDOW_POSTS, [address], posts);
    if let Some(listed) = &view.listed {
        page.add(&NONCE, [address], listed.nonce);
        page.add(&LIMIT, [address], view.selection_limit(shared));
    }
    page.add(&ACTIVE, [address], view.is_active());
}
