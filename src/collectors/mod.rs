//! The contract of a collector and the list of rooms.
//!
//! A collector reads one kind of upstream. It never uses another collector, the store or the server: what needs two
//! targets is a relation. Adding one is a folder here and its name in the list at the end of this file.

pub mod chia;
mod link;
pub mod mounts;
pub mod phala;
pub mod prb;
mod proposal;
mod symptom;
pub mod venus;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use link::Link;
pub use proposal::{Discovery, Key, Proposal, Setting};
pub use symptom::{Diagnosis, Finding, Symptom};

use crate::clock::Now;
use crate::exposition::{Family, Own, Page};
use crate::upstream::{Fault, Upstream};
use crate::values::{Endpoint, Name, SecretSource};

/// What a collector works with; handed down by the app.
#[derive(Clone, Debug)]
pub struct Tools {
    pub upstream: Upstream,
    pub own: Own,
}

/// Where this machine's own trees are: in a container the places where the host's are mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    pub procfs: PathBuf,
    pub rootfs: PathBuf,
}

/// A piece of a target that is read by itself, at its own pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The label value `part`.
    pub name: &'static str,
    pub every: Duration,
    /// After which a round is given up; shorter than `every`.
    pub deadline: Duration,
    /// Parts of the same target without which this one cannot work. Empty where parts say nothing of one another.
    pub hangs_on: &'static [&'static str],
}

impl Part {
    /// Age from which data is no longer shown: three intervals, so that one lost round neither fires nor resolves an alert.
    pub fn stale_after(&self) -> Duration {
        self.every * 3
    }
}

/// The entry of a target in the configuration.
pub trait TargetConfig: DeserializeOwned + Clone + PartialEq + fmt::Debug + Send + Sync + 'static {
    fn name(&self) -> &Name;

    /// The farm it belongs to, if the configuration says so.
    fn farm(&self) -> Option<&Name>;

    /// The targets that it hangs on, if the configuration says so.
    fn depends_on(&self) -> Option<&[Name]>;

    /// The same entry without `farm` and `depends_on`: they say where the target stands, not how it is read, so a change of
    /// them alone costs it nothing.
    #[must_use]
    fn unlinked(self) -> Self;

    /// Where its secrets lie, by the key that says so.
    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        Vec::new()
    }

    /// What spans several keys: the key to be named (empty for the target as a whole) and what is wrong with it. An
    /// empty list when all is well.
    fn contradictions(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The value of a key that symptoms name among their thresholds, like `thresholds.stuck_after`.
    fn setting(&self, key: &str) -> Option<String>;
}

/// What every `TargetConfig` says in the same way, from its keys `name`, `farm` and `depends_on`.
macro_rules! keys_of_all {
    () => {
        fn name(&self) -> &$crate::values::Name {
            &self.name
        }

        fn farm(&self) -> Option<&$crate::values::Name> {
            self.farm.as_ref()
        }

        fn depends_on(&self) -> Option<&[$crate::values::Name]> {
            self.depends_on.as_deref()
        }

        fn unlinked(self) -> Self {
            Self {
                farm: None,
                depends_on: None,
                ..self
            }
        }
    };
}
use keys_of_all;

/// One kind of upstream. `read` asks and remembers nothing; everything else is pure over the snapshot.
pub trait Collector: Sized + Send + Sync + 'static {
    /// The key in the configuration and the label value `collector`.
    const NAME: &'static str;
    type Target: TargetConfig;
    /// The kinds of which a target of this kind needs one; where a farm has just one, that is the one.
    const HANGS_ON: &'static [&'static str] = &[];
    /// What one round of one part brought.
    type Reading: Send;
    /// All that is known of the target now, and what must be remembered between rounds.
    type Snapshot: Clone + Default + Send + Sync + 'static;
    /// Every family that `samples` can write.
    const FAMILIES: &'static [&'static Family];
    /// Every symptom that `diagnose` can report.
    const SYMPTOMS: &'static [&'static Symptom];

    /// Prepares clients; nothing is asked yet, so an upstream that is down does not fail it. `before` is what read the
    /// target of this name until the configuration changed: what must outlive that, like children that cannot be
    /// ended, is taken over from it.
    fn connect(target: &Self::Target, tools: &Tools, before: Option<&Self>) -> Result<Self, Fault>;

    /// Whether files that the target names have changed since `connect`, so that a reload connects anew although the
    /// configuration is the same.
    fn is_outdated(&self) -> bool {
        false
    }

    /// The parts that this target has.
    fn parts(&self) -> Vec<Part>;

    /// Asks the upstream. Dropped at the part's deadline, so it must not hold what would be lost then.
    fn read(&self, part: &Part) -> impl Future<Output = Result<Self::Reading, Fault>> + Send;

    /// Puts a reading into the picture.
    fn absorb(&self, snapshot: &mut Self::Snapshot, reading: Self::Reading, now: Now);

    /// A round brought nothing: for pictures that show who does not answer.
    fn lost(&self, _snapshot: &mut Self::Snapshot, _part: &Part, _fault: &Fault, _now: Now) {}

    /// Takes what a part brought out of the picture, because it is too old to be shown. Memory stays.
    fn expire(&self, snapshot: &mut Self::Snapshot, part: &Part);

    /// The picture as samples: nothing for what is unknown.
    fn samples(snapshot: &Self::Snapshot, page: &mut Page);

    /// What is ill in the picture, with evidence in words.
    fn diagnose(&self, snapshot: &Self::Snapshot, now: Now) -> Diagnosis;

    // What follows is for people on the command line.

    /// What each part connects to; a part without an endpoint is left out.
    fn endpoints(target: &Self::Target) -> Vec<(&'static str, Endpoint)>;

    /// What a part brought, in one line; as an error when it answers but what it says is old.
    fn gist(snapshot: &Self::Snapshot, target: &Self::Target, part: &Part, now: Now) -> Result<String, String>;

    /// What to do about a fault where this kind of upstream knows better than [`Fault::advice`].
    fn advice(_fault: &Fault) -> Option<&'static str> {
        None
    }

    /// A target from what a person typed, without a configuration file; the error says what was expected.
    fn ad_hoc(text: &str, here: &Here) -> Result<Self::Target, String>;

    /// The targets that are watched without a configuration file.
    fn local(_here: &Here, _tools: &Tools) -> impl Future<Output = Vec<Self::Target>> + Send {
        async { Vec::new() }
    }

    /// Looks on this machine, and nowhere else, for what could be configured. It ends within seconds and opens no
    /// credential: those are proposed by their usual path.
    fn discover(_here: &Here, _tools: &Tools) -> impl Future<Output = Discovery> + Send {
        async { Discovery::default() }
    }
}

/// What everybody else may see of a target: the last picture and what is ill in it.
#[derive(Clone)]
pub struct TargetView {
    pub name: Name,
    pub collector: &'static str,
    snapshot: Arc<dyn Any + Send + Sync>,
    pub diagnosis: Diagnosis,
}

impl TargetView {
    pub fn new<C: Collector>(name: Name, snapshot: C::Snapshot, diagnosis: Diagnosis) -> Self {
        Self {
            name,
            collector: C::NAME,
            snapshot: Arc::new(snapshot),
            diagnosis,
        }
    }

    /// The picture, if the target is of this collector.
    pub fn snapshot<C: Collector>(&self) -> Option<&C::Snapshot> {
        self.snapshot.downcast_ref()
    }
}

/// A target as the checks across targets see it.
#[derive(Clone, Debug)]
pub struct Checked {
    pub collector: &'static str,
    /// Its number among those of its kind that could be read.
    pub number: usize,
    pub name: Name,
    pub farm: Option<Name>,
    pub depends_on: Option<Vec<Name>>,
    /// The kinds that its kind hangs on.
    pub hangs_on: &'static [&'static str],
    /// What it asks.
    pub endpoints: Vec<Endpoint>,
    pub contradictions: Vec<(&'static str, String)>,
    pub secrets: Vec<(&'static str, SecretSource)>,
}

impl Checked {
    fn new<C: Collector>(number: usize, target: &C::Target) -> Self {
        Self {
            collector: C::NAME,
            number,
            name: target.name().clone(),
            farm: target.farm().cloned(),
            depends_on: target.depends_on().map(<[Name]>::to_vec),
            hangs_on: C::HANGS_ON,
            endpoints: C::endpoints(target).into_iter().map(|(_, endpoint)| endpoint).collect(),
            contradictions: target.contradictions(),
            secrets: target.secrets(),
        }
    }
}

/// Something done with every target of a configuration, whatever its kind.
pub trait Visit {
    fn target<C: Collector>(&mut self, target: C::Target);
}

macro_rules! collectors {
    ($($room:ident: $collector:ty,)*) => {
        /// The section `collectors` of the configuration: a list of targets per kind.
        #[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Sections {
            $(pub $room: Vec<<$collector as Collector>::Target>,)*
        }

        impl Sections {
            /// Hands every target to the visitor, in the order of the list of rooms.
            pub fn visit(self, visitor: &mut impl Visit) {
                $(for target in self.$room {
                    visitor.target::<$collector>(target);
                })*
            }

            /// The keys of the section.
            pub const KINDS: &'static [&'static str] = &[$(<$collector>::NAME),*];

            /// Every target as the checks see it.
            pub fn check(&self) -> Vec<Checked> {
                let mut all = Vec::new();
                $(for (number, target) in self.$room.iter().enumerate() {
                    all.push(Checked::new::<$collector>(number, target));
                })*
                all
            }
        }

        impl Sections {
            /// Every target with its kind.
            pub fn names(&self) -> Vec<(&'static str, Name)> {
                let mut all = Vec::new();
                $(all.extend(self.$room.iter().map(|target| (<$collector>::NAME, target.name().clone())));)*
                all
            }

            /// Keeps the targets that fit.
            pub fn retain(&mut self, fits: impl Fn(&'static str, &Name) -> bool) {
                $(self.$room.retain(|target| fits(<$collector>::NAME, target.name()));)*
            }

            /// What each target of a kind has for a key that a symptom names among its thresholds.
            pub fn settings(&self, kind: &str, key: &str) -> Vec<(Name, String)> {
                let mut all = Vec::new();
                $(if kind == <$collector>::NAME {
                    let set = |target: &<$collector as Collector>::Target| {
                        target.setting(key).map(|value| (target.name().clone(), value))
                    };
                    all.extend(self.$room.iter().filter_map(set));
                })*
                all
            }

            /// What an entry of a kind has for a key when only its name is given; `None` where there is no such default.
            pub fn default_setting(kind: &str, key: &str) -> Option<String> {
                $(if kind == <$collector>::NAME {
                    let bare = serde_json::from_str::<<$collector as Collector>::Target>(r#"{"name": "default"}"#);
                    return bare.ok()?.setting(key);
                })*
                None
            }

            /// One target from what a person typed; `None` for a kind that does not exist.
            pub fn ad_hoc(kind: &str, text: &str, here: &Here) -> Option<Result<Self, String>> {
                $(if kind == <$collector>::NAME {
                    return Some(<$collector>::ad_hoc(text, here).map(|target| Self {
                        $room: vec![target],
                        ..Self::default()
                    }));
                })*
                None
            }

            /// What is watched without a configuration file.
            pub async fn local(here: &Here, tools: &Tools) -> Self {
                Self {
                    $($room: <$collector>::local(here, tools).await,)*
                }
            }
        }

        /// What every collector finds on this machine.
        pub async fn discover(here: &Here, tools: &Tools) -> Vec<(&'static str, Discovery)> {
            vec![$((<$collector>::NAME, <$collector>::discover(here, tools).await),)*]
        }

        /// Every family of every collector, in the order of the page.
        pub fn families() -> Vec<&'static Family> {
            let mut all = Vec::new();
            $(all.extend_from_slice(<$collector as Collector>::FAMILIES);)*
            all
        }

        /// Every symptom of every collector.
        pub fn symptoms() -> Vec<&'static Symptom> {
            let mut all = Vec::new();
            $(all.extend_from_slice(<$collector as Collector>::SYMPTOMS);)*
            all
        }
    };
}

collectors! {
    phala: phala::Node,
    prb: prb::Prb,
    venus: venus::Venus,
    chia: chia::Chia,
    mounts: mounts::Mounts,
}
