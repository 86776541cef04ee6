//! web.yml, case by case: `tests/web/good` is read, `tests/web/bad/<mistake>.yml` gives the words of `<mistake>.txt`.
//!
//! The cases are those of exporter-toolkit's documentation and tests, and ours for what it does not have. Certificates
//! are made for each run; in a case `@farm.crt@` stands for the text of such a file, `@bcrypt:one@` for a hash.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use farmwarden::access::{Access, Mistakes, Named, Options};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

/// What the cases name, in a directory of its own.
fn files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    for name in ["farm", "clients"] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        write(&format!("{name}.crt"), &params.self_signed(&key).unwrap().pem());
        write(&format!("{name}.key"), &key.serialize_pem());
    }
    for name in ["scrape", "alerts", "control"] {
        write(&format!("{name}.token"), &format!("a-token-of-{name}-that-is-long\n"));
    }
    write("short.token", "too-short\n");
    write("words.token", "a token of several words\n");
    directory
}

fn cases(kind: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web").join(kind);
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "yml"))
        .collect();
    cases.sort();
    assert!(cases.len() > 25, "{kind}: {cases:?}");
    cases
}

/// The case as a file beside the files that it names.
fn placed(case: &Path, directory: &Path) -> PathBuf {
    let mut text = fs::read_to_string(case).unwrap();
    for name in ["farm.crt", "farm.key", "clients.crt"] {
        let pem = fs::read_to_string(directory.join(name)).unwrap();
        text = text.replace(&format!("@{name}@"), &pem.replace('\n', "\\n"));
    }
    for password in ["one", "two"] {
        let hash = bcrypt::hash(password, 4).unwrap();
        text = text.replace(&format!("@bcrypt:{password}@"), &hash);
    }
    let file = directory.join("web.yml");
    fs::write(&file, text).unwrap();
    file
}

fn read(file: PathBuf) -> Result<Access, Mistakes> {
    Access::read(Options {
        config_file: Some(file),
        ..Options::default()
    })
}

#[test]
fn every_good_case_is_read() {
    let directory = files();
    for case in cases("good") {
        let outcome = read(placed(&case, directory.path()));
        assert!(outcome.is_ok(), "{}: {}", case.display(), outcome.unwrap_err());
    }
}

/// Blocks that begin with what only web.yml has.
#[test]
fn what_the_document_shows_is_read() {
    let directory = files();
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/access.md")).unwrap();
    let blocks = document
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let shown: Vec<&str> = blocks.filter(|block| block.starts_with("tls_server_config")).collect();
    assert_eq!(shown.len(), 2);
    for block in shown {
        let file = directory.path().join("web.yml");
        fs::write(&file, block).unwrap();
        let outcome = read(file);
        assert!(outcome.is_ok(), "{block}: {}", outcome.unwrap_err());
    }
}

#[test]
fn every_bad_case_says_what_is_wrong_and_repeats_no_secret() {
    let directory = files();
    let prefix = format!("{}/", directory.path().display());
    let mut wrong = Vec::new();
    for case in cases("bad") {
        let said = read(placed(&case, directory.path()))
            .err()
            .map(|mistakes| format!("{mistakes}\n"));
        let said = said.unwrap_or_else(|| "no mistake\n".to_owned()).replace(&prefix, "");
        for secret in [
            "hunter2",
            "$2y$10$q1w2",
            "a-token-of",
            "too-short",
            "several words",
            "PRIVATE KEY-----\\n",
        ] {
            assert!(!said.contains(secret), "{}: {said}", case.display());
        }
        let expected = case.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected, &said).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("{}: {said}", expected.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "UPDATE_GOLDEN=1 rewrites these:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn client_certificates_that_protect_nothing_are_warned_of() {
    let directory = files();
    let warnings = |more: &str| {
        let file = directory.path().join("web.yml");
        let text = format!("tls_server_config:\n  cert_file: farm.crt\n  key_file: farm.key\n  {more}\n");
        fs::write(&file, text).unwrap();
        let checked = farmwarden::access::check(&file, Named::MustBeThere).unwrap();
        checked.warnings.join("\n")
    };
    let verified = "client_ca_file: clients.crt\n  client_auth_type: ";
    for (more, weak) in [
        ("client_auth_type: RequestClientCert".to_owned(), true),
        ("client_auth_type: RequireAnyClientCert".to_owned(), true),
        (format!("{verified}VerifyClientCertIfGiven"), true),
        (
            format!("{verified}VerifyClientCertIfGiven\n  client_allowed_sans: [a.lan]"),
            false,
        ),
        (format!("{verified}RequireAndVerifyClientCert"), false),
        ("client_auth_type: NoClientCert".to_owned(), false),
    ] {
        let said = warnings(&more);
        assert_eq!(
            said.contains("tls_server_config.client_auth_type: "),
            weak,
            "{more}: {said}"
        );
        assert_eq!(
            said.contains("RequireAndVerifyClientCert protects"),
            weak,
            "{more}: {said}"
        );
    }
}

#[test]
fn what_would_let_strangers_control_the_farm_is_refused() {
    let directory = files();
    let tls = "tls_server_config: {cert_file: farm.crt, key_file: farm.key}\n";
    let control = "scopes: {control: {bearer_token_file: control.token}}\n";
    let alerts = "scopes: {alerts: {bearer_token_file: alerts.token}}\n";
    for (web, listen, enable_lifecycle, expected) in [
        ("", "0.0.0.0:1", false, None),
        ("", "127.0.0.1:1", true, None),
        ("", "[::1]:1", true, None),
        (
            "",
            "10.0.0.5:1",
            true,
            Some("--web.enable-lifecycle on 10.0.0.5:1 would let everybody"),
        ),
        (
            tls,
            "10.0.0.5:1",
            true,
            Some("--web.enable-lifecycle on 10.0.0.5:1 would let everybody"),
        ),
        (control, "127.0.0.1:1", true, None),
        (control, "[::ffff:127.0.0.1]:1", true, None),
        (
            control,
            "0.0.0.0:1",
            false,
            Some("scopes.control over plain HTTP on 0.0.0.0:1 would send"),
        ),
        (
            control,
            "[::]:1",
            false,
            Some("scopes.control over plain HTTP on [::]:1 would send"),
        ),
        (alerts, "0.0.0.0:1", false, None),
    ] {
        let file = directory.path().join("web.yml");
        fs::write(&file, web).unwrap();
        let said = Access::read(Options {
            config_file: Some(file.clone()),
            listen: vec!["127.0.0.1:2".parse().unwrap(), listen.parse().unwrap()],
            enable_lifecycle,
            ..Options::default()
        });
        match (said.err().map(|mistakes| mistakes.to_string()), expected) {
            (None, None) => {}
            (Some(said), Some(expected)) => assert!(said.starts_with(expected), "{said}"),
            (said, expected) => panic!("{web} {listen} {enable_lifecycle}: {said:?}, not {expected:?}"),
        }
        fs::write(&file, format!("{tls}{control}")).unwrap();
        let with_tls = Options {
            config_file: Some(file),
            listen: vec![listen.parse().unwrap()],
            enable_lifecycle,
            ..Options::default()
        };
        assert!(
            Access::read(with_tls).is_ok(),
            "with TLS and credentials every address will do"
        );
    }
}
