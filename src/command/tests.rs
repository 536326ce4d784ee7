mod exits;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;

use crate::cli::{Cli, Command};
use crate::config::{ConfigErrors, DEFAULTS, Environment};

fn config(words: &[&str], directory: &Path) -> anyhow::Result<String> {
    let words = ["doorbuster", "config"].iter().chain(words);
    let Command::Config(command) = <Cli as clap::Parser>::try_parse_from(words)?.command else {
        panic!("config was typed");
    };
    let mut out = Vec::new();
    super::config::run(&command, &Environment::default(), directory, &mut out)?;
    Ok(String::from_utf8(out)?)
}

#[test]
fn config_says_what_it_read_or_what_is_wrong() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("config.toml");
    assert_eq!(config(&["default"], directory.path()).expect("valid"), DEFAULTS);
    assert_eq!(
        config(&["check"], directory.path()).expect("valid"),
        "no configuration file: defaults: ok (sales: 0)\n"
    );
    std::fs::write(&file, "[server]\nfew = 3").expect("a file");
    assert_eq!(config(&["check"], directory.path()).expect("valid"), "config.toml: ok (sales: 0)\n");
    assert!(config(&["show"], directory.path()).expect("valid").contains("few = 3"));
    std::fs::write(&file, "[server]\nfew = -3").expect("a file");
    let fault = config(&["check"], directory.path()).expect_err("a bad configuration");
    assert!(fault.is::<ConfigErrors>(), "{fault}");
}

#[test]
fn a_hashed_password_verifies() {
    let mut out = Vec::new();
    super::hash_password::run(&mut b"correct horse\r\n".as_slice(), &mut out).expect("a password");
    let line = String::from_utf8(out).expect("text");
    let hash = PasswordHash::new(line.trim_end()).expect("a PHC string");
    assert!(line.starts_with("$argon2id$"), "{line}");
    assert!(argon2::Argon2::default().verify_password(b"correct horse", &hash).is_ok());
    assert!(argon2::Argon2::default().verify_password(b"correct horse\r", &hash).is_err());
}

#[test]
fn no_password_and_a_whole_file_are_refused() {
    for input in [String::new(), "\n".into(), "x".repeat(1025)] {
        let mut out = Vec::new();
        assert!(super::hash_password::run(&mut input.as_bytes(), &mut out).is_err());
        assert!(out.is_empty());
    }
}

/// A server that answers one request, and what it was asked.
fn answering(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = [0; 1024];
        let length = stream.read(&mut head).expect("a request");
        stream.write_all(answer.as_bytes()).expect("an open connection");
        String::from_utf8_lossy(&head[..length]).into_owned()
    });
    (url, asked)
}

fn healthcheck(url: &str) -> anyhow::Result<()> {
    let words = ["doorbuster", "healthcheck", "--url", url];
    let Command::Healthcheck(args) = <Cli as clap::Parser>::try_parse_from(words)?.command else {
        panic!("healthcheck was typed");
    };
    super::healthcheck::run(&args, &Environment::default(), Path::new("."))
}

#[test]
fn only_a_shop_that_says_200_is_alive() {
    let (url, asked) = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    healthcheck(&url).expect("alive");
    assert!(asked.join().expect("it was asked").starts_with("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:"));

    let (url, asked) = answering("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    let fault = healthcheck(&format!("{url}/readyz")).expect_err("not ready");
    assert!(fault.to_string().ends_with("/readyz: status 503"), "{fault}");
    assert!(asked.join().expect("it was asked").starts_with("GET /readyz "));

    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    assert!(healthcheck(&format!("http://{closed}")).is_err());
    assert!(healthcheck("https://127.0.0.1").is_err());
}

#[test]
fn every_shell_gets_completions() {
    for shell in <clap_complete::Shell as clap::ValueEnum>::value_variants() {
        let mut out = Vec::new();
        super::completions::run(*shell, &mut out).expect("memory");
        assert!(String::from_utf8_lossy(&out).contains("doorbuster"), "{shell}");
    }
}
