//! Users and our own tokens, as samples.

use super::Standing;
use crate::collectors::venus::snapshot::Snapshot;
use crate::exposition::{Desc, Page};
use crate::upstream::VenusService;

pub(in crate::collectors::venus) static USERS: Desc<2> = Desc::gauge(
    "venus_auth_users",
    "Users by state, enabled, disabled or unknown; miners of a disabled one drop out of the miner service (/user/list).",
    &["process", "state"],
);
pub(in crate::collectors::venus) static TOKEN: Desc<2> = Desc::gauge(
    "venus_auth_token_valid",
    "1 if auth knows the token with which we ask this process, 0 if not, as is so for one that a service made for itself (POST /verify).",
    &["component", "process"],
);
pub(in crate::collectors::venus) static PERMISSION: Desc<3> = Desc::gauge(
    "venus_auth_token_permission",
    "1 for the permission of the token with which we ask this process; each includes those before: read, write, sign, admin (POST /verify).",
    &["component", "process", "permission"],
);

pub(in crate::collectors::venus) static PARTIAL: Desc<2> = Desc::gauge(
    "venus_view_partial",
    "1 where our token shows only senders or miners of its own user, because it is not an admin's; nobody else's are known then (POST /verify).",
    &["component", "process"],
);

const PERMISSIONS: [&str; 4] = ["read", "write", "sign", "admin"];

pub(in crate::collectors::venus) fn samples(snapshot: &Snapshot, page: &mut Page) {
    for (view, seen) in snapshot.auths.seen() {
        let count = |standing: Standing| {
            let users = seen.users.as_ref()?.iter();
            Some(users.filter(|user| user.standing == standing).count())
        };
        page.add(&USERS, [&view.label, "enabled"], count(Standing::Enabled));
        page.add(&USERS, [&view.label, "disabled"], count(Standing::Disabled));
        page.add(&USERS, [&view.label, "unknown"], count(Standing::Unknown));
    }
    let Some((_, seen)) = snapshot.auths.seen().next() else {
        return;
    };
    for token in &seen.tokens {
        let (component, instance) = (token.service.label(), &*token.instance);
        page.add(&TOKEN, [component, instance], token.permission.is_some());
        let Some(own) = &token.permission else { continue };
        if matches!(token.service, VenusService::Messager | VenusService::Miner) {
            page.add(&PARTIAL, [component, instance], own != "admin");
        }
        for permission in PERMISSIONS {
            page.add(&PERMISSION, [component, instance, permission], own == permission);
        }
    }
}
