//! What to do about a fault of a PRB, for a person who did not write it. The operation tells which door was tried.

use super::on_chain;
use crate::upstream::{Fault, QUEUE_CALL, Reason, TRANSACTIONS, Why, WorkerManagerCall};

/// Nothing where what is said of every upstream is enough.
pub(super) fn advice(fault: &Fault) -> Option<&'static str> {
    if on_chain::is_asked(fault) {
        return on_chain::advice(fault);
    }
    match fault.operation.as_str() {
        QUEUE_CALL => refused(fault).then_some(
            "Nothing listens there. Is the container redis-q running (docker ps), and is its port (6379, published as \
             63792 by the guides) open to this machine?",
        ),
        operation if of_manager(operation) => manager(fault),
        "callOnlineFetcher" | "callOnlineLifecycleManager" | "queryWorkerState" => legacy(fault),
        _ => monitor(fault),
    }
}

fn of_manager(operation: &str) -> bool {
    use WorkerManagerCall::{PoolsWithWorkers, Status, Workers};
    let names = [Status, Workers, PoolsWithWorkers].map(WorkerManagerCall::name);
    operation == TRANSACTIONS || names.contains(&operation)
}

fn refused(fault: &Fault) -> bool {
    matches!(&fault.why, Why::Unreachable(words) if words.contains("refused"))
}

fn monitor(fault: &Fault) -> Option<&'static str> {
    match (&fault.why, fault.reason()) {
        _ if refused(fault) => Some(
            "Nothing listens there. Is the container of the monitor running (docker ps), and is its port 3000 \
             published?",
        ),
        (Why::Status(418, _), _) => {
            Some("That is PRB v3 (prb-wm): name it with the key `worker_manager` in place of `monitor`.")
        }
        (_, Reason::NotFound) => Some(
            "It has no /ptp/discover, so it is no PRB v2 monitor (prb-monitor:next). The older one of v0 \
             (prb-monitor:latest) is named with `legacy_monitor`; of PRB v3 the worker manager is asked, with \
             `worker_manager`, usual port 3001.",
        ),
        (_, Reason::Malformed) => {
            Some("That is no PRB v2 monitor: its usual port is 3000; 4567 is arena, 8012 the data provider.")
        }
        _ => None,
    }
}

fn manager(fault: &Fault) -> Option<&'static str> {
    match (&fault.why, fault.reason()) {
        _ if refused(fault) => Some(
            "Nothing listens there. Is the container of the worker manager (prb-wm) running (docker ps), and is its \
             port 3001 published?",
        ),
        (Why::Status(500, _), _) => Some(
            "The worker manager itself failed: its log says why (docker logs). Is the disk of its data \
             (/var/data/prb-wm) full?",
        ),
        (_, Reason::NotFound | Reason::Malformed) | (Why::Status(..), _) => Some(
            "That is no worker manager of PRB v3 (prb-wm): its usual port is 3001, while 3000 is its pages. The monitor \
             of v2 is named with `monitor`, that of v0 with `legacy_monitor`.",
        ),
        _ => None,
    }
}

fn legacy(fault: &Fault) -> Option<&'static str> {
    match (&fault.why, fault.reason()) {
        _ if refused(fault) => Some(
            "Nothing listens there. Is the container of the monitor running (docker ps), and is its port 3000 \
             published?",
        ),
        (Why::Status(418, _), _) => {
            Some("That is PRB v3 (prb-wm): name it with the key `worker_manager` in place of `legacy_monitor`.")
        }
        (Why::Upstream(_), _) => Some(
            "The monitor is there, but the fetch or lifecycle container does not answer it: is it running, and do all \
             three use the same Redis?",
        ),
        (_, Reason::NotFound) => Some(
            "It has no /api/query_manager, so it is no PRB v0 monitor (prb-monitor:latest). That of v2 \
             (prb-monitor:next) is named with `monitor`.",
        ),
        (_, Reason::Malformed) => Some("That is no PRB v0 monitor: its usual port is 3000; 4567 is arena."),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(operation: &str, why: Why) -> &'static str {
        advice(&Fault::new("http://10.0.0.9:3000", operation, why)).unwrap()
    }

    #[test]
    fn a_door_of_another_version_is_told_by_the_key_that_opens_it() {
        let teapot = || Why::Status(418, "");
        let absent = || Why::NotFound("answered HTTP 404".to_owned());
        assert!(said("discover", teapot()).contains("`worker_manager`"));
        assert!(said("discover", absent()).contains("`legacy_monitor`"));
        assert!(said("callOnlineFetcher", teapot()).contains("`worker_manager`"));
        assert!(said("callOnlineFetcher", absent()).contains("`monitor`"));
        assert!(said("wm/status", absent()).contains("`legacy_monitor`"));
        assert!(said("tx/status", Why::malformed("no JSON")).contains("3001"));
    }

    #[test]
    fn a_container_that_does_not_run_is_named() {
        let refused = || Why::Unreachable("connection refused".to_owned());
        assert!(said("wm/status", refused()).contains("prb-wm"));
        assert!(said("discover", refused()).contains("monitor"));
        assert!(said("queryWorkerState", Why::upstream("x")).contains("lifecycle container"));
    }
}
