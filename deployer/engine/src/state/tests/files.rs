//! Files: what is in them, and what becomes of those that are not as they should be.

use std::os::unix::fs::PermissionsExt as _;

use super::{Folder, sample, save, stage, store_in, told};
use crate::state::{State, StateError, StateStore};

#[tokio::test]
async fn a_state_is_a_file_that_reads_and_compares_well() {
    let folder = Folder::new();
    let store = folder.store("prod");
    assert_eq!(store.load().await.unwrap(), None);
    assert!(!folder.private().exists(), "looking makes nothing");

    let mut state = sample("prod");
    state.lineage = "d2c4".to_owned();
    state.salt = "5a".repeat(32);
    save(&store, &mut state).await.unwrap();

    assert_eq!(state.serial, 1);
    assert_eq!(store.load().await.unwrap(), Some(state));
    let file = folder.file("prod.json");
    insta::assert_snapshot!("file", fs_err::read_to_string(&file).unwrap());
    let mode = fs_err::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "of no interest to others");
    let ignored = fs_err::read_to_string(folder.private().join(".gitignore")).unwrap();
    assert_eq!(ignored, "*\n");
    let mut left: Vec<_> = folder
        .private()
        .join("state")
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_owned())
        .collect();
    left.sort();
    assert_eq!(left, ["prod.json"], "and nothing else");
}

#[tokio::test]
async fn the_copy_before_the_present_one_is_kept() {
    let folder = Folder::new();
    let store = folder.store("prod");
    let mut state = sample("prod");
    let guard = store.lock("deploy").await.unwrap();
    for serial in 1..=5 {
        guard.save(&mut state).await.unwrap();
        assert_eq!(state.serial, serial);
    }
    let serials: Vec<u64> = store
        .history()
        .await
        .unwrap()
        .iter()
        .map(|version| version.recorded.serial)
        .collect();
    assert_eq!(serials, [5, 4]);
    let before = store.version(4).await.unwrap().unwrap();
    assert_eq!(before, State { serial: 4, ..state });
    assert_eq!(store.version(3).await.unwrap(), None);
}

#[tokio::test]
async fn a_destroyed_stage_leaves_no_file_and_starts_again_from_nothing() {
    let folder = Folder::new();
    let store = folder.store("pr-7");
    let mut state = sample("pr-7");
    let guard = store.lock("destroy").await.unwrap();
    guard.save(&mut state).await.unwrap();
    guard.save(&mut state).await.unwrap();
    guard.delete().await.unwrap();
    guard.release().await.unwrap();
    assert_eq!(store.load().await.unwrap(), None);
    let left = folder.private().join("state").read_dir_utf8().unwrap();
    assert_eq!(left.count(), 0);

    let refused = save(&store, &mut state).await.unwrap_err();
    assert!(matches!(refused, StateError::Changed { .. }), "{refused}");
    save(&store, &mut sample("pr-7")).await.unwrap();
}

#[tokio::test]
async fn what_was_changed_behind_ones_back_is_not_written_over() {
    let folder = Folder::new();
    let store = folder.store("prod");
    let mut first = sample("prod");
    save(&store, &mut first).await.unwrap();
    let mut second = first.clone();
    save(&store, &mut second).await.unwrap();

    let late = save(&store, &mut first).await.unwrap_err();
    insta::assert_snapshot!(told(&late), @r"
    the state of stage `prod` was changed meanwhile: serial 2 is there, where serial 1 was read
      help: run the same command again: it starts from what is recorded now
    ");
    assert_eq!(first.serial, 1, "what failed did not count");

    // Another history, which happens to be as long.
    let mut other = State {
        serial: 2,
        ..sample("prod")
    };
    let foreign = save(&store, &mut other).await.unwrap_err();
    assert!(matches!(foreign, StateError::Changed { .. }), "{foreign}");
    // One that takes itself for the first.
    let new = save(&store, &mut sample("prod")).await.unwrap_err();
    assert!(matches!(new, StateError::Changed { .. }), "{new}");
    assert_eq!(store.load().await.unwrap(), Some(second));
}

#[tokio::test]
async fn a_file_cut_off_anywhere_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let store = folder.store("prod");
    let mut state = sample("prod");
    save(&store, &mut state).await.unwrap();
    let file = folder.file("prod.json");
    let whole = fs_err::read(&file).unwrap();

    // Without its last line break it is still whole.
    for length in 0..whole.len() - 1 {
        fs_err::write(&file, &whole[..length]).unwrap();
        let refused = store.load().await.unwrap_err();
        assert!(refused.is_unreadable(), "{length} bytes: {refused}");
        if length % 97 == 0 {
            let refused = save(&store, &mut state).await.unwrap_err();
            assert!(refused.is_unreadable(), "{length} bytes: {refused}");
            assert_eq!(fs_err::read(&file).unwrap(), &whole[..length]);
        }
    }
}

#[tokio::test]
async fn a_broken_file_is_told_of_with_the_way_out() {
    let folder = Folder::new();
    let store = folder.store("prod");
    let mut state = sample("prod");
    save(&store, &mut state).await.unwrap();
    let file = folder.file("prod.json");
    let whole = fs_err::read_to_string(&file).unwrap();
    let shown = |error: &StateError| told(error).replace(folder.private().as_str(), "[…]/.tiny");

    fs_err::write(&file, whole.replace("\"serial\": 1", "\"serial\": one")).unwrap();
    let broken = store.load().await.unwrap_err();
    insta::assert_snapshot!(shown(&broken), @r"
    […]/.tiny/state/prod.json cannot be read as the state of a stage: expected value at line 6 column 13
      help: rebuild it from the account: `tiny refresh --stage prod`
    ");

    fs_err::write(&file, &whole).unwrap();
    save(&store, &mut state).await.unwrap();
    fs_err::write(&file, "<<<<<<< HEAD").unwrap();
    let broken = store.load().await.unwrap_err();
    insta::assert_snapshot!(shown(&broken), @r"
    […]/.tiny/state/prod.json cannot be read as the state of a stage: expected value at line 1 column 1
      help: the copy before it is good (serial 1): `mv […]/.tiny/state/prod.json.backup […]/.tiny/state/prod.json`; or rebuild it from the account: `tiny refresh --stage prod`
    ");

    fs_err::rename(folder.file("prod.json.backup"), &file).unwrap();
    let mut restored = store.load().await.unwrap().unwrap();
    assert_eq!(restored.serial, 1);
    save(&store, &mut restored).await.unwrap();
}

#[tokio::test]
async fn the_file_of_something_else_is_refused() {
    let folder = Folder::new();
    let store = folder.store("prod");
    let mut state = sample("prod");
    save(&store, &mut state).await.unwrap();
    let file = folder.file("prod.json");
    let whole = fs_err::read_to_string(&file).unwrap();
    let refused = async |text: String| {
        fs_err::write(&file, text).unwrap();
        let error = store.load().await.unwrap_err();
        let saved = save(&store, &mut state.clone()).await.unwrap_err();
        assert_eq!(saved.to_string(), error.to_string());
        told(&error).replace(folder.private().as_str(), "[…]/.tiny")
    };

    insta::assert_snapshot!(refused(whole.replace("\"stage\": \"prod\"", "\"stage\": \"dev\"")).await, @r"
    […]/.tiny/state/prod.json is the state of stack `todo`, stage `dev`, not of stack `todo`, stage `prod`
      help: move it to where it belongs; `tiny refresh` rebuilds what belongs here
    ");
    insta::assert_snapshot!(refused(whole.replace("\"schema\": 2", "\"schema\": 7")).await, @r"
    […]/.tiny/state/prod.json was made by a newer tiny: its schema is 7, this one knows up to 2
      help: update tiny, at least to the version that the others use
    ");
    // A newer one is not told of as broken, whatever it has.
    insta::assert_snapshot!(refused("{\"schema\": 99999999999, \"moons\": []}".to_owned()).await, @r"
    […]/.tiny/state/prod.json was made by a newer tiny: its schema is 99999999999, this one knows up to 2
      help: update tiny, at least to the version that the others use
    ");
    insta::assert_snapshot!(refused(whole.replace("\"serial\"", "\"colour\": 3, \"serial\"")).await, @r"
    […]/.tiny/state/prod.json cannot be read as the state of a stage: unknown field `colour`, expected one of `schema`, `stack`, `stage`, `lineage`, `serial`, `account_id`, `salt`, `resources` at line 6 column 10
      help: rebuild it from the account: `tiny refresh --stage prod`
    ");
    insta::assert_snapshot!(refused("{\"version\": 4, \"terraform_version\": \"1.9\"}".to_owned()).await, @r"
    […]/.tiny/state/prod.json cannot be read as the state of a stage: missing field `schema` at line 1 column 42
      help: rebuild it from the account: `tiny refresh --stage prod`
    ");
    insta::assert_snapshot!(refused(whole.replace("d1.archive\": {", "d2.archive\": {")).await, @r"
    […]/.tiny/state/prod.json cannot be read as the state of a stage: `d2.archive` names no resource at line 24 column 16
      help: rebuild it from the account: `tiny refresh --stage prod`
    ");
}

#[tokio::test]
async fn stages_are_listed_with_what_is_wrong_with_them() {
    let folder = Folder::new();
    let store = folder.store("prod");
    assert!(store.list().await.unwrap().is_empty());
    save(&folder.store("dev-anna"), &mut sample("dev-anna"))
        .await
        .unwrap();
    save(&store, &mut sample("prod")).await.unwrap();
    fs_err::write(folder.file("broken.json"), "{").unwrap();
    fs_err::write(folder.file("No Stage.json"), "{").unwrap();
    let _held = folder.store("pr-1").lock("deploy").await.unwrap();
    let _held_too = store.lock("destroy").await.unwrap();

    let others = store.others().await.unwrap();
    let others: Vec<&str> = others.iter().map(|state| state.stage.as_str()).collect();
    assert_eq!(others, ["dev-anna"], "what cannot be read hides nothing");

    let listed: Vec<String> = store
        .list()
        .await
        .unwrap()
        .iter()
        .map(|found| {
            let recorded = match &found.recorded {
                Ok(Some(recorded)) => {
                    let age = recorded.updated.elapsed().unwrap();
                    assert!(age.as_secs() < 60, "{age:?}");
                    format!(
                        "serial {}, {} resources",
                        recorded.serial, recorded.resources
                    )
                }
                Ok(None) => "nothing".to_owned(),
                Err(error) => format!("unreadable {}", error.is_unreadable()),
            };
            let holder = found.holder.as_ref().map(|holder| &*holder.purpose);
            format!("{} {recorded} {holder:?}", found.stage)
        })
        .collect();
    assert_eq!(
        listed,
        [
            "broken unreadable true None",
            "dev-anna serial 1, 2 resources None",
            "pr-1 nothing Some(\"deploy\")",
            "prod serial 1, 2 resources Some(\"destroy\")",
        ]
    );
}

#[tokio::test]
async fn two_manifests_of_one_folder_have_stages_of_their_own() {
    let folder = Folder::new();
    let geo = StateStore::local_in(
        &folder.private(),
        "stacks/geo.toml".into(),
        "geo",
        &stage("prod"),
    );
    let mut of_geo = State::new("geo", &stage("prod"), None);
    save(&geo, &mut of_geo).await.unwrap();
    let tiny = store_in(&folder.private(), "prod");
    save(&tiny, &mut sample("prod")).await.unwrap();

    assert_eq!(geo.load().await.unwrap(), Some(of_geo));
    assert!(folder.file("geo/prod.json").exists());
    assert_eq!(tiny.list().await.unwrap().len(), 1);
    assert_eq!(geo.list().await.unwrap().len(), 1);
}

/// Whoever reads at any moment, without a lock, gets a whole state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_never_meets_half_a_file() {
    let folder = Folder::new();
    let store = folder.store("prod");
    let mut state = sample("prod");
    save(&store, &mut state).await.unwrap();
    let reader = tokio::spawn({
        let store = store.clone();
        async move {
            let mut last = 0;
            let mut reads = 0;
            while last < 60 {
                let state = store.load().await.unwrap().unwrap();
                assert!(state.serial >= last, "time goes one way");
                last = state.serial;
                reads += 1;
            }
            reads
        }
    });
    let guard = store.lock("deploy").await.unwrap();
    while state.serial < 60 {
        guard.save(&mut state).await.unwrap();
    }
    assert!(reader.await.unwrap() > 1);
}

/// What the account says is checked before anything is done with it.
#[test]
fn the_state_of_one_account_is_not_used_in_another() {
    let state = sample("prod");
    state.check_account("4f00").unwrap();
    State::new("todo", &stage("prod"), None)
        .check_account("anything")
        .unwrap();
    insta::assert_snapshot!(told(&state.check_account("beef").unwrap_err()), @r"
    stage `prod` was deployed to account 4f00, and this is account beef
      help: set CLOUDFLARE_ACCOUNT_ID to 4f00, or use another stage for this account
    ");
}
