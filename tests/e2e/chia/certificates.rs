//! Certificates of another farm, shown and trusted.

use std::fs;
use std::path::Path;

use super::farm::{Farm, program};
use super::{is_above, seen};
use crate::support::Farmwarden;

/// A third installation has an authority of its own, with the same name.
pub(super) fn wrong_certificates_are_told(farm: &Farm) {
    let made = program(&farm.directory, "stranger", "chia")
        .arg("init")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (ours, strange) = (
        farm.directory.join("farm/config/ssl"),
        farm.directory.join("stranger/config/ssl"),
    );
    let entry = |root: &str, more: &str| {
        let root = farm.directory.join(root);
        let root = root.display();
        format!(
            "collectors: {{chia: [{{name: chia-1, root: {root}, farmer: '127.0.0.1:8559', daemon: '127.0.0.1:55400', \
             interval: 10s, timeout: 9s, plot_detail: 'off'{more}}}]}}"
        )
    };
    let fault = |warden: &Farmwarden, what: &str, reason: &str| {
        seen(warden, what, |page| {
            ["farmer", "events"].into_iter().try_for_each(|part| {
                let labels = [("part", part), ("reason", reason)];
                let failures = page.get("farmwarden_target_failures_total", &labels);
                is_above("failures", failures.unwrap_or_default(), 0.0)
            })
        });
    };
    let warden = Farmwarden::start(&entry("stranger", ""));
    fault(&warden, "the authority of another farm is a fault of TLS", "tls");
    let log = warden.process.log();
    assert!(log.contains("is that the private_ca.crt of this very farm?"), "{log}");
    drop(warden);

    // Whoever trusts both farms is let in by its own alone.
    let both = farm.directory.join("both.crt");
    let authorities = [&ours, &strange].map(|ssl| fs::read_to_string(ssl.join("ca/private_ca.crt")).unwrap());
    fs::write(&both, authorities.concat()).unwrap();
    let foreign = |authority: &Path| {
        let own = |end: &str| strange.join(format!("farmer/private_farmer.{end}"));
        let (authority, cert, key) = (authority.display(), own("crt"), own("key"));
        format!(
            ", ca_file: {authority}, cert_file: {}, key_file: {}",
            cert.display(),
            key.display()
        )
    };
    let warden = Farmwarden::start(&entry("farm", &foreign(&both)));
    fault(
        &warden,
        "a certificate of another farm is refused",
        "client_cert_refused",
    );
    drop(warden);

    // Who does not trust it either is told so before anything is asked.
    let file = farm.directory.join("foreign.yml");
    fs::write(&file, entry("farm", &foreign(&ours.join("ca/private_ca.crt")))).unwrap();
    let output = Farmwarden::command().arg("--config.file").arg(&file).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && words.contains("it is of another farm"),
        "{words}"
    );
}
