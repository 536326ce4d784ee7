//! The secret's file: made once, whole, for its owner's eyes only.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

/// Two secrets are the same where they sign the same.
fn fingerprint(secret: &Secret) -> String {
    Passes::new(secret).mint(&sale("launch"), buyer("ann"), NOON).token
}

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_first_start_makes_a_secret_and_the_next_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let made = Secret::load_or_create(dir.path()).unwrap();
    assert_eq!(names(dir.path()), [SECRET_FILE]);
    let metadata = fs::metadata(dir.path().join(SECRET_FILE)).unwrap();
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (32, 0o600));
    assert_eq!(fingerprint(&Secret::load(dir.path()).unwrap()), fingerprint(&made));
    assert_eq!(fingerprint(&Secret::load_or_create(dir.path()).unwrap()), fingerprint(&made));
    let elsewhere = tempfile::tempdir().unwrap();
    assert_ne!(fingerprint(&Secret::load_or_create(elsewhere.path()).unwrap()), fingerprint(&made));
}

#[test]
fn loading_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Secret::load(dir.path()), Err(SecretError::Missing(_))));
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_secret_that_others_may_read_or_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SECRET_FILE);
    let made = fingerprint(&Secret::load_or_create(dir.path()).unwrap());
    for mode in [0o640, 0o620, 0o604, 0o602, 0o644, 0o601, 0o777] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let refused = Secret::load_or_create(dir.path()).unwrap_err();
        assert!(matches!(refused, SecretError::Exposed { mode: seen, .. } if seen == mode), "{refused}");
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert_eq!(fingerprint(&Secret::load_or_create(dir.path()).unwrap()), made);
}

#[test]
fn a_secret_of_another_length_is_refused_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SECRET_FILE);
    for length in [0, 31, 33, 64] {
        fs::write(&path, vec![1; length]).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let refused = Secret::load_or_create(dir.path()).unwrap_err();
        assert!(matches!(refused, SecretError::Length { bytes, .. } if bytes == length as u64), "{refused}");
        assert_eq!(fs::read(&path).unwrap().len(), length);
    }
}

#[test]
fn a_start_that_was_cut_short_leaves_nothing_that_the_next_one_trips_over() {
    let dir = tempfile::tempdir().unwrap();
    let unfinished = dir.path().join("secret.key.new");
    fs::write(&unfinished, b"half").unwrap();
    fs::set_permissions(&unfinished, Permissions::from_mode(0o666)).unwrap();
    Secret::load_or_create(dir.path()).unwrap();
    assert_eq!(names(dir.path()), [SECRET_FILE]);
    assert!(Secret::load(dir.path()).is_ok());
}

#[test]
fn a_directory_that_is_not_there_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let refused = Secret::load_or_create(&dir.path().join("gone")).unwrap_err();
    assert!(matches!(refused, SecretError::Io { .. }));
    assert!(refused.to_string().contains("secret.key"), "{refused}");
}

#[test]
fn keys_for_two_purposes_sign_differently() {
    let sign = |purpose: &[u8], salt: &[u8]| {
        use hmac::Mac;
        SECRET.key(purpose, salt).chain_update(b"text").finalize().into_bytes()
    };
    assert_ne!(sign(b"one", b""), sign(b"two", b""));
    assert_ne!(sign(b"one", b"1"), sign(b"one", b"2"));
    assert_eq!(sign(b"one", b"1"), sign(b"one", b"1"));
}
