mod chain;

use std::sync::Arc;

use serde_json::json;

use super::super::tests::{Book, hands, plan, refused, settings_of};
use super::law::{self, Ill};
use crate::collectors::mounts::bench::picture_of;
use crate::collectors::mounts::{Failed, Files, MountView, Server, Target, Trouble};

/// A share that hangs, and whose server is there.
fn dead() -> MountView {
    let expected = json!({"mount": "/mnt/a", "source": "//nas/a"});
    MountView {
        mount: "/mnt/a".to_owned(),
        present: true,
        expected: serde_json::from_value(expected).unwrap(),
        fstype: "cifs".to_owned(),
        source: "//nas/a".to_owned(),
        server: Some(Server {
            host: "10.0.0.9".to_owned(),
            port: 445,
        }),
        stuck: Some(true),
        unfinished: Some(false),
        ..MountView::default()
    }
}

const fn errno(number: i32) -> Result<(), Trouble> {
    Err(Trouble::Probe(Failed::Errno(number)))
}

fn judged(view: MountView) -> Result<Ill, String> {
    law::mount(&picture_of(vec![view], true), "/mnt/a")
}

#[test]
fn a_share_that_hangs_or_is_stale_is_mounted_anew_and_one_that_is_missing_mounted() {
    assert_eq!(judged(dead()), Ok(Ill::Dead));
    // ESTALE, EHOSTDOWN, ENOTCONN
    for number in [116, 112, 107] {
        let stale = MountView {
            stuck: Some(false),
            health: Some(errno(number)),
            ..dead()
        };
        assert_eq!(judged(stale), Ok(Ill::Dead), "{number}");
    }
    let missing = MountView {
        mount: "/mnt/a".to_owned(),
        expected: dead().expected,
        ..MountView::default()
    };
    assert_eq!(judged(missing), Ok(Ill::Missing));
}

#[test]
fn what_a_new_mount_does_not_cure_is_left_alone() {
    let cases = [
        (
            MountView {
                expected: None,
                ..dead()
            },
            "`expected`",
        ),
        (
            MountView {
                fstype: "ext4".to_owned(),
                ..dead()
            },
            "no network mount",
        ),
        (
            MountView {
                present: false,
                ..dead()
            },
            "is mounted there instead",
        ),
        (
            MountView {
                unfinished: Some(true),
                ..dead()
            },
            "unfinished plots lay on it",
        ),
        (
            MountView {
                unfinished: None,
                ..dead()
            },
            "it is not known whether unfinished plots lie on it",
        ),
        (MountView { server: None, ..dead() }, "not known whether its server"),
        (
            MountView {
                stuck: Some(false),
                health: Some(Ok(())),
                ..dead()
            },
            "nothing is wrong with it",
        ),
        // EIO, EACCES
        (
            MountView {
                stuck: Some(false),
                health: Some(errno(5)),
                ..dead()
            },
            "nothing is wrong with it",
        ),
        (
            MountView {
                stuck: Some(false),
                health: Some(errno(13)),
                ..dead()
            },
            "nothing is wrong with it",
        ),
    ];
    for (view, words) in cases {
        let told = judged(view).unwrap_err();
        assert!(told.contains(words), "{told}");
    }
    let unreachable = law::mount(&picture_of(vec![dead()], false), "/mnt/a");
    assert!(unreachable.unwrap_err().contains("accepts no connection"));
    assert!(law::mount(&picture_of(Vec::new(), true), "/mnt/a").is_err());
}

#[test]
fn what_has_another_mount_below_it_is_left_alone() {
    let told = |points: &[&str]| {
        let mut picture = picture_of(vec![dead()], true);
        picture.points = Arc::new(points.iter().map(Into::into).collect());
        law::mount(&picture, "/mnt/a")
    };
    assert_eq!(told(&["/", "/mnt/a", "/mnt/ab"]), Ok(Ill::Dead));
    let below = told(&["/", "/mnt/a", "/mnt/a/d02"]).unwrap_err();
    assert!(below.contains("`/mnt/a/d02` is mounted below it"), "{below}");
}

#[test]
fn that_nothing_could_be_aborted_is_told_of_a_share_that_is_mounted_twice() {
    let other = MountView {
        mount: "/mnt/b".to_owned(),
        ..dead()
    };
    assert_eq!(law::not_aborted(&picture_of(vec![dead()], true), "/mnt/a"), "");
    let told = law::not_aborted(&picture_of(vec![dead(), other], true), "/mnt/a");
    assert!(
        told.contains("at `/mnt/b` too") && told.contains("restart the harvester"),
        "{told}"
    );
}

/// It was mounted anew.
fn back() -> MountView {
    MountView {
        stuck: Some(false),
        health: Some(Ok(())),
        ..dead()
    }
}

#[test]
fn it_is_verified_that_it_is_there_and_answers() {
    let well = |view| law::is_well(&picture_of(vec![view], true), "/mnt/a", Some(3));
    assert_eq!(well(back()), Ok(""));
    for bad in [
        MountView {
            present: false,
            ..back()
        },
        MountView {
            stuck: Some(true),
            ..back()
        },
        MountView {
            health: Some(errno(112)),
            ..back()
        },
        MountView { health: None, ..back() },
    ] {
        assert!(well(bad).is_err());
    }
    assert!(law::is_well(&picture_of(Vec::new(), true), "/mnt/a", None).is_err());
}

#[test]
fn a_share_without_plots_is_the_wrong_one_only_where_there_were_some_and_all_was_seen() {
    let well = |files, before| {
        let view = MountView {
            files: Some(files),
            ..back()
        };
        law::is_well(&picture_of(vec![view], true), "/mnt/a", before)
    };
    let bare = Files::default();
    let told = well(bare, Some(3)).unwrap_err();
    assert_eq!(
        told,
        "it answers and holds no plot, where there were 3: is it the right share?"
    );
    // A new disk; and one of which nothing was known.
    assert_eq!(well(bare, Some(0)), Ok("; it holds no plot"));
    assert_eq!(well(bare, None), Ok("; it holds no plot"));
    for part in [
        Files {
            incomplete: true,
            ..bare
        },
        Files { unseen: true, ..bare },
        Files { plot_files: 1, ..bare },
    ] {
        assert_eq!(well(part, Some(3)), Ok(""));
    }
}

#[test]
fn from_a_container_it_is_said_that_it_cannot() {
    let target = |keys: &str| -> Target { serde_json::from_str(&format!(r#"{{"name": "host-1"{keys}}}"#)).unwrap() };
    assert_eq!(law::from_here(&target("")), Ok(()));
    for keys in [r#", "rootfs": "/host""#, r#", "procfs": "/host/proc""#] {
        assert!(law::from_here(&target(keys)).unwrap_err().contains("from a container"));
    }
}

#[tokio::test]
async fn what_is_not_listed_is_left_alone_before_anything_is_done() {
    let sections = json!({
        "machines": [{"name": "host-1", "expected": [{"mount": "/mnt/a"}, {"mount": "/mnt/b"}]}],
        "units": {"allowed": ["mnt-b.mount"]},
    });
    let hands = hands(&settings_of(&sections), &Arc::default());
    for (target, entity, words) in [
        ("host-2", "/mnt/a", "no mounts are watched there"),
        ("host-1", "/mnt/c", "`expected`"),
        ("host-1", "/mnt/a", "mnt-a.mount is not listed in `units.allowed`"),
        ("host-1", "/mnt/b", "fstab"),
    ] {
        let book = Book::default();
        let told = hands
            .run(&plan("remount", target, entity, &[]), &book)
            .await
            .map_err(refused)
            .unwrap_err();
        // Where these tests run in a container themselves, that is what is told.
        assert!(
            told.contains("was left alone") && (told.contains(words) || told.contains("in a container")),
            "{told}"
        );
        assert!(book.notes.lock().unwrap().is_empty());
    }
}
