//! What may be armed, and where.

use crate::home::Home;
use crate::plan::{Plan, SALE, Sale};
use crate::shop::{NotOpened, Shop};

#[test]
fn a_wrong_specification_ends_with_78_and_says_what_would_be_right() {
    let plan = Plan::gateway().sale(Sale::of(SALE, 1)).text();
    let refused = |spec: &str| {
        let armed = format!("DOORBUSTER_FAILPOINTS={spec}");
        match Shop::try_open_through(Home::with(&plan), &["env", &armed]) {
            Ok(_) => panic!("{spec}: opened all the same"),
            Err(NotOpened { code, said, .. }) => (code, said),
        }
    };
    for (spec, says) in [("nowhere=kill", "after_enqueued"), ("after_enqueued=error", "no fault of its own")] {
        let (code, said) = refused(spec);
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains(says), "{spec}: {said}");
    }
}

#[test]
fn a_test_build_serves_this_machine_only_whatever_is_armed() {
    let home = Home::with(&Plan::gateway().sale(Sale::of(SALE, 1)).text());
    let arguments = ["serve", "--listen", "0.0.0.0:0", "--admin-listen", "127.0.0.1:0"];
    for armed in [&[][..], &[("DOORBUSTER_FAILPOINTS", "after_enqueued=kill")]] {
        let output = home.run_with(&arguments, armed);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(78) && said.contains("not a loopback address"), "{armed:?}: {said}");
    }
}
