//! One fuzzer for all targets: `DOORBUSTER_FUZZ` names the one.
#![no_main]

use std::sync::LazyLock;

use doorbuster::fuzz::{Check, TARGETS};
use libfuzzer_sys::fuzz_target;

static CHECK: LazyLock<Check> = LazyLock::new(|| {
    let wanted = std::env::var("DOORBUSTER_FUZZ").unwrap_or_default();
    let names = TARGETS.map(|(name, _)| name).join(" ");
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("DOORBUSTER_FUZZ must name one of: {names}")).1
});

fuzz_target!(|bytes: &[u8]| CHECK(bytes));
