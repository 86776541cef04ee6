//! What must never be; each is a property of the model.

pub(crate) const TWO_AT_ONCE: &str = "never two actions on one target, or on what two share, at a time";
pub(crate) const OVER_BUDGET: &str = "no budget of an hour is exceeded";
pub(crate) const TOO_MANY: &str = "no more run in a group or on the farm than may";
pub(crate) const TWICE: &str = "a rung of an incident is begun and done at most once";
pub(crate) const STALE: &str = "nothing is begun on a stale view or on what is not seen ill";
pub(crate) const ENDED: &str = "nothing is begun after nobody asks for it any more";
pub(crate) const DRY: &str = "a dry run never acts";
pub(crate) const FORBIDDEN: &str = "nothing is begun against a pause, a freeze, a cause or without approval";
pub(crate) const UNRECORDED: &str = "nothing is done that is not on the disk as begun";
pub(crate) const BLIND: &str = "what was interrupted is told and looked at before anything follows";
pub(crate) const UNSEEN: &str = "a cure is told when it was seen after the action";
pub(crate) const FORGETFUL: &str = "a restart knows what was known";
pub(crate) const LEFT_ALONE: &str = "what is ill and asked for has an incident once it is visited";
pub(crate) const TAKEN_BACK: &str = "nothing is begun for what was taken back";
pub(crate) const GUESSED: &str = "nothing follows on an action of which nobody knows what it did";

pub(crate) const ASKED_FOR: &str = "nothing is begun while what was asked for elsewhere may still begin";

pub(crate) const LAWS: [&str; 16] = [
    TWO_AT_ONCE,
    OVER_BUDGET,
    TOO_MANY,
    TWICE,
    STALE,
    ENDED,
    DRY,
    FORBIDDEN,
    UNRECORDED,
    BLIND,
    UNSEEN,
    FORGETFUL,
    LEFT_ALONE,
    TAKEN_BACK,
    GUESSED,
    ASKED_FOR,
];
