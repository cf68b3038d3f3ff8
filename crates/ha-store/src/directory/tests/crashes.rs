//! Power failures after every system call, with everything that may then be on the disk.

use super::scripted::Scripted;
use super::{METHODS, key, leftovers, list, open, read};
use crate::directory::disk::{Model, World};
use crate::directory::engine::Engine;
use crate::directory::probe::Method;
use crate::{Error, ErrorKind};

const OBJECT: &str = "journal/0/1";
const CONTENT: &[u8] = b"seven b";

/// What is there before the operation under test.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Nothing,
    /// The folder, with another object, durable.
    Folder,
    /// The folder as a put has made it: nothing of it is durable.
    VolatileFolder,
    /// The object, by another process, durable.
    Object,
    /// The object, by a process that died before the entry was durable.
    VolatileObject,
}

impl Before {
    const ALL: [Self; 5] = [
        Self::Nothing,
        Self::Folder,
        Self::VolatileFolder,
        Self::Object,
        Self::VolatileObject,
    ];

    fn prepare(self, method: Method) -> Model {
        let model = Model::new();
        let sys = Scripted::with_method(model.clone(), method);
        let engine = open(sys.clone());
        let create = |name| engine.create(&key(name), CONTENT).unwrap();
        match self {
            Self::Nothing => {}
            Self::Folder => create("journal/0/0"),
            Self::VolatileFolder => engine.put(&key("journal/0/0"), b"p").unwrap(),
            Self::Object => create(OBJECT),
            Self::VolatileObject => {
                create("journal/0/0");
                sys.calls();
                create("journal/0/measured");
                let calls = sys.calls();
                assert_eq!(calls.last(), Some(&"sync_dir"));
                sys.stop_after(calls.len() - 1);
                engine.create(&key(OBJECT), CONTENT).unwrap_err();
            }
        }
        model
    }

    fn has_object(self) -> bool {
        matches!(self, Self::Object | Self::VolatileObject)
    }
}

type Operation = fn(&Engine<Scripted<Model>>) -> Result<(), Error>;

/// Stops `operation` after each of its calls in turn, and shows what the world is then, whether it was stopped, and
/// what it answered.
fn at_every_step(
    method: Method,
    before: Before,
    operation: Operation,
    mut show: impl FnMut(&World, Option<Result<(), Error>>),
) {
    for step in 0..100 {
        let model = before.prepare(method);
        let sys = Scripted::with_method(model.clone(), method);
        let engine = open(sys.clone());
        assert_eq!(engine.method, method);
        sys.stop_after(step);
        let answer = operation(&engine);
        let finished = !sys.stopped();
        show(&model.world().clone(), finished.then_some(answer));
        if finished {
            assert!(step >= 6, "so few calls cannot be all");
            return;
        }
    }
    panic!("the operation does not end");
}

#[test]
fn a_create_that_loses_power_at_any_point_is_whole_or_absent_and_stays_if_acknowledged() {
    let mut images = 0_u64;
    for method in METHODS {
        for before in Before::ALL {
            at_every_step(
                method,
                before,
                |engine| engine.create(&key(OBJECT), CONTENT),
                |world, answer| {
                    let acknowledged = match &answer {
                        None => before == Before::Object,
                        Some(Ok(())) => {
                            assert!(
                                !before.has_object(),
                                "{method:?} {before:?}: created what was there"
                            );
                            true
                        }
                        Some(Err(error)) => {
                            assert_eq!(error.kind(), ErrorKind::Exists, "{error}");
                            assert!(before.has_object());
                            true
                        }
                    };
                    world.for_each_crash(|image| {
                        images += 1;
                        check_recovery(image, method, acknowledged);
                    });
                    check_recovery(world.killed(), method, acknowledged);
                },
            );
        }
    }
    println!("{images} states of the disk were recovered from");
    assert!(images > 1_000);
}

fn check_recovery(image: World, method: Method, acknowledged: bool) {
    let model = Model::boot(image);
    model.world().clock += 7200;
    let engine = open(Scripted::with_method(model.clone(), method));
    assert_eq!(leftovers(&model), [""; 0], "leftovers are swept");
    let found = read(&engine, OBJECT);
    if let Some(found) = &found {
        assert_eq!(found, CONTENT, "{method:?}: a created object is torn");
    }
    assert!(
        found.is_some() || !acknowledged,
        "{method:?}: an acknowledged object is gone"
    );
    assert_eq!(
        list(&engine, "journal/0").contains(&"1".to_owned()),
        found.is_some()
    );

    // Life goes on: the object can be created if it is absent, and either way it is durable then.
    let again = engine.create(&key(OBJECT), CONTENT);
    assert_eq!(again.is_ok(), found.is_none(), "{again:?}");
    let mut worst = None;
    model.world().for_each_crash(|image| {
        worst.get_or_insert(image);
    });
    let worst = open(Model::boot(worst.unwrap()));
    assert_eq!(
        read(&worst, OBJECT).as_deref(),
        Some(CONTENT),
        "{method:?}: {again:?} was not durable"
    );
}

#[test]
fn a_put_that_is_killed_at_any_point_leaves_the_old_record_or_the_new() {
    for method in METHODS {
        for before in Before::ALL {
            let put: Operation = |engine| engine.put(&key(OBJECT), b"replaced");
            at_every_step(method, before, put, |world, answer| {
                let model = Model::boot(world.killed());
                model.world().clock += 7200;
                let engine = open(Scripted::with_method(model.clone(), method));
                assert_eq!(leftovers(&model), [""; 0], "leftovers are swept");
                let found = read(&engine, OBJECT);
                match (&answer, found.as_deref()) {
                    (_, Some(b"replaced")) => {}
                    (None, Some(CONTENT)) => assert!(before.has_object()),
                    (None, None) => assert!(!before.has_object()),
                    (answer, found) => panic!("{method:?} {before:?}: {answer:?}, found {found:?}"),
                }
            });
        }
    }
}

#[test]
fn a_put_that_loses_power_harms_no_other_object_and_can_be_repeated() {
    for method in METHODS {
        let put: Operation = |engine| engine.put(&key(OBJECT), b"replaced");
        at_every_step(method, Before::Folder, put, |world, _| {
            world.for_each_crash(|image| {
                let model = Model::boot(image);
                let engine = open(Scripted::with_method(model.clone(), method));
                assert_eq!(leftovers(&model), [""; 0], "leftovers are swept");
                assert_eq!(read(&engine, "journal/0/0").as_deref(), Some(CONTENT));
                engine.put(&key(OBJECT), b"again").unwrap();
                assert_eq!(read(&engine, OBJECT).as_deref(), Some(&b"again"[..]));
            });
        });
    }
}

#[test]
fn an_opening_that_loses_power_at_any_point_can_be_repeated() {
    for method in METHODS {
        for step in 0..100 {
            let model = Before::Object.prepare(method);
            let sys = Scripted::with_method(model.clone(), method);
            sys.stop_after(step);
            let opened = Engine::open(sys.clone(), "/the/root".into());
            let world = model.world().clone();
            world.for_each_crash(|image| check_recovery(image, method, true));
            if !sys.stopped() {
                assert!(opened.is_ok());
                break;
            }
        }
    }
}

#[test]
fn a_file_whose_fsync_failed_is_never_synced_again() {
    for method in METHODS {
        let model = Before::Folder.prepare(method);
        let sys = Scripted::with_method(model.clone(), method);
        let engine = open(sys.clone());
        model.world().failing_file_syncs = 1;
        sys.calls();
        engine.create(&key(OBJECT), CONTENT).unwrap();
        let calls = sys.calls();
        let files = calls
            .iter()
            .filter(|call| matches!(**call, "open_unnamed" | "open_named"))
            .count();
        assert_eq!(
            files, 2,
            "a second file after the first could not be synced: {calls:?}"
        );
        model
            .world()
            .clone()
            .for_each_crash(|image| check_recovery(image, method, true));

        // Twice is enough: certainly nothing was written.
        model.world().failing_file_syncs = 2;
        let error = engine.create(&key("journal/0/2"), CONTENT).unwrap_err();
        assert_eq!(
            (error.kind(), error.needs_restart()),
            (ErrorKind::Unavailable, false),
            "{error}"
        );
        assert_eq!(list(&engine, "journal/0"), ["0", "1"]);
        assert_eq!(leftovers(&model), [""; 0]);
    }
}

#[test]
fn after_a_failed_folder_fsync_nothing_in_it_is_acknowledged_by_this_process() {
    for method in METHODS {
        let model = Before::Folder.prepare(method);
        let engine = open(Scripted::with_method(model.clone(), method));
        engine.create(&key("journal/0/5"), CONTENT).unwrap();
        model.world().failing_dir_syncs = 1;
        for name in [OBJECT, OBJECT, "journal/0/0", "journal/0/7"] {
            let error = engine.create(&key(name), CONTENT).unwrap_err();
            assert_eq!(
                (error.kind(), error.needs_restart()),
                (ErrorKind::OutcomeUnknown, true),
                "{name}: {error}"
            );
            assert!(!error.is_retryable());
        }
        // Others are none the worse, and reading goes on.
        engine.create(&key("journal/1/1"), CONTENT).unwrap();
        assert_eq!(read(&engine, "journal/0/0").as_deref(), Some(CONTENT));
        // A removed and remade folder of that name is not trusted either.
        for name in list(&engine, "journal/0") {
            engine.delete(&key(&format!("journal/0/{name}"))).unwrap();
        }
        let error = engine.create(&key(OBJECT), CONTENT).unwrap_err();
        assert!(error.needs_restart());
        // After a restart it works again.
        open(model.clone()).create(&key(OBJECT), CONTENT).unwrap();
    }
}

#[test]
fn a_folder_whose_parent_could_not_be_made_durable_is_not_used() {
    let model = Model::new();
    let engine = open(model.clone());
    model.world().failing_dir_syncs = 1;
    for _ in 0..2 {
        let error = engine.create(&key(OBJECT), CONTENT).unwrap_err();
        assert_eq!(
            (error.kind(), error.needs_restart()),
            (ErrorKind::OutcomeUnknown, true),
            "{error}"
        );
    }
    assert_eq!(read(&engine, OBJECT), None);
}
