//! URLs as people write them.

use std::path::PathBuf;

use tokio_postgres::config::SslMode;

use crate::postgres::target::{Proof, Roots};
use crate::postgres::{NodeId, Target, TargetFault};

fn target(url: &str) -> Target {
    Target::parse(url).expect("a target")
}

#[test]
fn sslmode_means_what_it_means_elsewhere() {
    let modes = [
        ("", SslMode::Prefer, Proof::Nothing),
        ("?sslmode=disable", SslMode::Disable, Proof::Nothing),
        ("?sslmode=prefer", SslMode::Prefer, Proof::Nothing),
        ("?sslmode=require", SslMode::Require, Proof::Nothing),
        ("?connect_timeout=3&sslmode=verify-ca", SslMode::Require, Proof::Authority),
        ("?sslmode=verify-full&application_name=x", SslMode::Require, Proof::AuthorityAndName),
    ];
    for (query, mode, proof) in modes {
        let target = target(&format!("postgres://u:p@db/shop{query}"));
        assert_eq!((target.config.get_ssl_mode(), target.proof, target.roots), (mode, proof, Roots::System), "{query}");
    }
    let own = target("postgresql://u@db/shop?sslrootcert=/etc/my%20ca.pem&sslmode=verify-ca");
    assert_eq!(own.roots, Roots::File(PathBuf::from("/etc/my ca.pem")));
}

#[test]
fn what_is_not_understood_is_refused_and_the_password_is_never_repeated() {
    let refused = [
        ("mysql://u:hunter2@db/shop", TargetFault::Scheme),
        ("postgres://u:hunter2@db/shop?sslmode=verify", TargetFault::SslMode),
        ("postgres://u:hunter2@db/shop?sslrootcert=/ca.pem", TargetFault::Unverified),
        ("postgres://u:hunter2@/shop", TargetFault::Missing("host")),
        ("postgres://db/shop", TargetFault::Missing("user")),
        ("postgres://u:hunter2@db", TargetFault::Missing("database")),
        ("postgres://u:hunter2@db/shop?sslmod=require", TargetFault::Url("unknown option `sslmod`".into())),
    ];
    for (url, fault) in refused {
        let said = Target::parse(url).expect_err("no target");
        assert_eq!(said, fault, "{url}");
        assert!(!said.to_string().contains("hunter2"), "{said}");
    }
    let shown = target("postgres://u:hunter2?@a,b:5433/shop?sslmode=require");
    assert_eq!(
        (format!("{shown}"), format!("{shown:?}")),
        ("a:5432,b:5433/shop".into(), "Target(a:5432,b:5433/shop)".into())
    );
    assert_eq!(shown.config.get_password(), Some(&b"hunter2?"[..]));
    assert_eq!(target("postgres://u@/shop?host=/run/postgresql").to_string(), "/run/postgresql:5432/shop");
}

#[test]
fn a_node_has_a_name_that_fits_everywhere() {
    assert_eq!(NodeId::parse("berlin-1").map(|node| node.to_string()), Some("berlin-1".into()));
    for name in ["", "a b", "ä", &"x".repeat(65)] {
        assert_eq!(NodeId::parse(name), None, "{name}");
    }
}
