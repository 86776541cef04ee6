//! The model: from every state every move that nature may make.

use std::io::Write as _;
use std::sync::Arc;

use farmwarden::remedy::{Incident, Phase};
use stateright::{Checker as _, HasDiscoveries, Model, Property};

use super::case::Case;
use super::laws::LAWS;
use super::moment::{Ends, Moment, Move, Sees, waits_for_a_person};

pub(crate) struct Search {
    case: Arc<Case>,
}

fn holds<const N: usize>(_: &Search, moment: &Moment) -> bool {
    !moment.world.broken.contains(LAWS[N])
}

fn happens<const N: usize>(search: &Search, moment: &Moment) -> bool {
    moment.world.signs.contains(search.case.happens[N])
}

type Holds = fn(&Search, &Moment) -> bool;

const HOLDS: [Holds; LAWS.len()] = [
    holds::<0>,
    holds::<1>,
    holds::<2>,
    holds::<3>,
    holds::<4>,
    holds::<5>,
    holds::<6>,
    holds::<7>,
    holds::<8>,
    holds::<9>,
    holds::<10>,
    holds::<11>,
    holds::<12>,
    holds::<13>,
    holds::<14>,
    holds::<15>,
];
const HAPPENS: [Holds; 12] = [
    happens::<0>,
    happens::<1>,
    happens::<2>,
    happens::<3>,
    happens::<4>,
    happens::<5>,
    happens::<6>,
    happens::<7>,
    happens::<8>,
    happens::<9>,
    happens::<10>,
    happens::<11>,
];

impl Model for Search {
    type State = Moment;
    type Action = Move;

    fn init_states(&self) -> Vec<Moment> {
        vec![Moment::first(&self.case)]
    }

    fn actions(&self, moment: &Moment, moves: &mut Vec<Move>) {
        let (world, case) = (&moment.world, &self.case);
        let left = world.left;
        let mut may = |is_possible: bool, then: Move| {
            if is_possible {
                moves.push(then);
            }
        };
        let (is_written, is_looking) = (moment.disk.is_empty(), !moment.looks.is_empty());
        let is_quick = !case.slow && (is_looking || !is_written);
        may(left.passes > 0 && !is_quick, Move::Pass);
        may(left.leaps > 0 && !is_quick, Move::Leap);
        may(!is_written, Move::Disk(true));
        may(!is_written && left.refusals > 0, Move::Disk(false));
        // In the middle of a look it is as before it.
        may(
            left.crashes > 0 && (case.slow || !is_looking),
            Move::Crash { is_kept: false },
        );
        may(left.crashes > 0 && !is_written, Move::Crash { is_kept: true });
        for (number, message) in case.messages.iter().enumerate() {
            let is_true = world.second >= message.to.unwrap_or(message.from);
            may(left.deliveries > 0 && is_written && is_true, Move::Deliver(number));
        }
        for number in 0..case.requests.len() {
            may(left.deliveries > 0 && is_written, Move::Ask(number));
            may(
                left.words > 0 && world.requests[number].may_be_taken_back(),
                Move::TakeBack(number),
            );
        }
        let may_order = case.person && moment.state.open_for(&case.key(0)).is_none_or(is_not_given_up);
        may(may_order && left.deliveries > 0 && is_written, Move::Order);
        may(
            left.words > 0 && world.order.may_be_taken_back(world.second),
            Move::TakeOrderBack,
        );
        for entity in 0..case.entities.len() {
            let asks = case.approval && waits_for_a_person(&moment.state, case, entity);
            may(asks && left.words > 0 && is_written, Move::Approve(entity));
        }
        for (target, name) in case.targets().iter().enumerate() {
            let has_incidents = moment.state.incidents().any(|incident| incident.key.target == *name);
            let may_relapse = moment.state.resting().any(|resting| resting.key.target == *name);
            may(
                (has_incidents || may_relapse) && moment.visits() < case.visits,
                Move::Visit(target),
            );
            let is_unread = world.looked[target].is_none();
            let is_quiet = !is_looking && is_written;
            may(is_unread && is_quiet, Move::Round(target, Sees::AsBefore));
            for entity in (0..case.entities.len()).filter(|entity| case.entities[*entity].0 == *name) {
                may(left.flips > 0 && is_quiet, Move::Round(target, Sees::Turned(entity)));
            }
            if moment.looks.iter().any(|(of, _)| *of == target) {
                may(true, Move::Looked(target, Sees::AsBefore));
                may(left.blind_looks > 0, Move::Looked(target, Sees::Nothing));
                for entity in (0..case.entities.len()).filter(|entity| case.entities[*entity].0 == *name) {
                    may(left.flips > 0, Move::Looked(target, Sees::Turned(entity)));
                }
            }
            if moment.runs.iter().any(|plan| plan.target == *name) {
                may(true, Move::Ended(target, Ends::Well));
                may(true, Move::Ended(target, Ends::Badly));
                may(left.vetoes > 0, Move::Ended(target, Ends::Refused));
                may(case.remote, Move::Lost(target));
            }
        }
        let orders = case.orders && left.words > 0;
        may(orders && is_written && !world.paused, Move::Pause);
        may(orders && is_written && world.paused, Move::Resume);
        may(orders, Move::Freeze);
        may(orders, Move::Break);
    }

    fn next_state(&self, moment: &Moment, step: Move) -> Option<Moment> {
        Some(moment.after(step))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let laws = LAWS.iter().zip(HOLDS).map(|(law, holds)| Property::always(law, holds));
        let happens = self
            .case
            .happens
            .iter()
            .zip(HAPPENS)
            .map(|(sign, happens)| Property::sometimes(sign, happens));
        laws.chain(happens).collect()
    }

    /// What broke a law is not followed further.
    fn within_boundary(&self, moment: &Moment) -> bool {
        moment.world.broken.len() < 2
    }
}

fn is_not_given_up(incident: &Incident) -> bool {
    !matches!(incident.phase, Phase::Escalated { .. })
}

/// Looks at all states of a farm, and returns how many there are.
pub(crate) fn search(case: Case) -> usize {
    assert!(case.happens.len() <= HAPPENS.len());
    let (name, case) = (case.name, Arc::new(case));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = Search { case }
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    for (property, path) in checker.discoveries() {
        let moves: Vec<String> = path
            .clone()
            .into_actions()
            .iter()
            .map(|step| format!("{step:?}"))
            .collect();
        let steps: Vec<String> = path
            .last_state()
            .world
            .journal
            .iter()
            .map(|step| format!("{step:?}"))
            .collect();
        let (moves, steps) = (moves.join(", "), steps.join("\n"));
        assert!(
            !LAWS.contains(&property),
            "{name}: not so: {property}\nafter {moves}\nrecorded:\n{steps}"
        );
    }
    let states = checker.unique_state_count();
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{name}: {states} states, {} moves, at most {} in a row",
        checker.state_count(),
        checker.max_depth()
    )
    .unwrap();
    checker.assert_properties();
    states
}
