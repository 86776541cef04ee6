//! Who asks for what, as it is known from what was said and is on the disk.

/// Seconds for which an order of a person holds for each rung after the first.
const ORDERED_FOR: u64 = 900;

/// What an alert is known to be, from the messages alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Heard {
    fired: Option<u64>,
    /// As it says, and when that was heard.
    ended: Option<(u64, u64)>,
    /// It fired again so long after its end that the end was a mistake.
    returned: bool,
}

impl Heard {
    /// A message about the episode that began at `from`.
    pub(crate) fn hears(&mut self, from: u64, to: Option<u64>, now: u64) {
        match (to, self.ended) {
            (Some(to), _) => {
                self.ended = self.ended.max(Some((to, now)));
                if self.fired.is_none_or(|fired| fired <= to) {
                    self.returned = false;
                }
            }
            (None, Some((end, heard))) if from <= end && now >= heard + 600 => self.returned = true,
            (None, _) => {}
        }
        if to.is_none() {
            self.fired = self.fired.max(Some(from));
        }
    }

    pub(crate) fn fires(self) -> bool {
        let is_newer = |fired| self.ended.is_none_or(|(end, _)| fired > end);
        self.returned || self.fired.is_some_and(is_newer)
    }
}

/// What another farmwarden asks for, as far as it is on the disk.
#[expect(clippy::struct_excessive_bools, reason = "they are facts of their own")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Wish {
    pub(crate) is_asked: bool,
    pub(crate) is_taken_back: bool,
    /// It had its action.
    pub(crate) is_used: bool,
    pub(crate) is_being_taken_back: bool,
}

impl Wish {
    pub(crate) fn may_be_taken_back(self) -> bool {
        self.is_asked && !self.is_taken_back && !self.is_being_taken_back
    }

    /// Whether it is good for an action; it is until that second where that matters.
    pub(crate) fn asks(self, is_over: bool) -> bool {
        self.is_asked && !self.is_taken_back && !self.is_used && !is_over
    }
}

/// What a person orders for the first entity, as far as it is on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Order {
    /// Nothing while nobody orders it, or no more.
    pub(crate) until: Option<u64>,
    pub(crate) is_being_taken_back: bool,
}

impl Order {
    pub(crate) fn may_be_taken_back(self, second: u64) -> bool {
        !self.is_being_taken_back && self.asks(Some(second))
    }

    /// Whether it is good for an action, at that second where that matters.
    pub(crate) fn asks(self, second: Option<u64>) -> bool {
        let until = self.until.unwrap_or_default();
        self.until.is_some() && second.is_none_or(|second| second < until)
    }

    /// For the next rung it is good for longer.
    pub(crate) fn goes_on(&mut self, second: u64) {
        self.until = self.until.map(|until| until.max(second + ORDERED_FOR));
    }
}
