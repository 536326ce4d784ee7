//! One fault on trial: a shop meets it, its buyers hear something, and afterwards it is held against what they heard.

use std::process::Command;

use super::fault::{Calls, Fault, calls, census, was_met};
use crate::contract::won;
use crate::home::Home;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::{NotOpened, Shop};
use crate::wire::{Request, Response, Wire, eventually};

/// Few, so that a fault is near a start or an end as often as in between.
const BUYERS: usize = 4;
/// Who doesn't open says what it is about.
const CLEAR_WORDS: [&str; 4] = ["the ledger", "ledger.db", "doorbuster-data", "the disk"];

/// What the shop was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    Nothing,
    /// Its log isn't in its file yet: opening it writes most.
    Crashed,
    /// Opening it writes nearly nothing: what fails is a sale's.
    Closed,
}

impl Before {
    pub(crate) const ALL: [Self; 3] = [Self::Nothing, Self::Crashed, Self::Closed];
}

/// What goes wrong, once or from then on, and with which shop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) fault: Fault,
    pub(crate) lasts: bool,
    pub(crate) before: Before,
}

/// What became of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    DidNotOpen(Option<i32>),
    /// While it sold, or as it closed.
    Ended(Option<i32>),
    /// It refused until it was closed.
    Refused,
    /// It refused for a while, and sold again by itself.
    Recovered,
    /// Nobody noticed.
    WentOn,
}

/// The last word that a buyer heard.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// This order is his.
    Yes(String),
    /// It is certainly not stored.
    No,
    /// Nobody can tell, or nobody did.
    Unknown,
}

/// A shop as it was before, to be copied, and what it calls of the disk in a life in which nothing goes wrong.
struct Seed {
    before: Before,
    home: Home,
    /// What buyers were told in it.
    acks: Vec<String>,
    calls: Calls,
}

/// The shops that faults happen to.
pub(crate) struct Shops([Seed; 3]);

fn attempt(buyer: usize) -> Request {
    Request::attempt(SALE, SKU).buyer(&format!("b-{buyer}")).key("k")
}

/// The disk takes nothing for now, or it took nothing when the sale was to open, which is tried again.
fn is_for_now(answer: &Option<Response>) -> bool {
    let code = answer.as_ref().and_then(Response::code);
    matches!(code.as_deref(), Some("not_stored" | "sale_not_open"))
}

fn is_replayed(answer: &Response) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

fn lift_the_limit(shop: &Shop) {
    let pid = shop.pid().to_string();
    let status = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status();
    assert!(status.expect("util-linux is installed").success());
}

impl Seed {
    fn of(before: Before) -> Self {
        let mut home = Home::with(&Plan::gateway().sale(Sale::of(SALE, 1_000)).text());
        let mut acks = Vec::new();
        if before != Before::Nothing {
            let shop = Shop::open_at(home);
            acks.push(won(&shop.ask(&Request::attempt(SALE, SKU).buyer("before"))));
            home = if before == Before::Crashed { shop.kill() } else { shop.close() };
        }
        let counted = home.copy();
        let starter = census(&counted);
        let shop = Shop::open_through(counted, &starter.iter().map(String::as_str).collect::<Vec<_>>());
        (0..BUYERS).for_each(|buyer| drop(won(&shop.ask(&attempt(buyer)))));
        let calls = calls(&shop.close());
        Self { before, home, acks, calls }
    }
}

impl Case {
    /// Opens the shop with the fault to come and lets the buyers buy, as far as they get: what they heard last.
    fn suffer(self, home: Home, nth: usize) -> (Home, End, Vec<Word>) {
        let starter = self.fault.starter(&home, nth, self.lasts);
        let mut words = vec![Word::Unknown; BUYERS];
        let mut shop = match Shop::try_open_through(home, &starter.iter().map(String::as_str).collect::<Vec<_>>()) {
            Ok(shop) => shop,
            Err(NotOpened { home, code, said }) => {
                let is_clear = CLEAR_WORDS.iter().any(|word| said.contains(word)) && !said.contains("panicked");
                assert!(is_clear, "{self:?} {nth}: {said}");
                return (home, End::DidNotOpen(code), words);
            }
        };
        let mut end = End::WentOn;
        for (buyer, word) in words.iter_mut().enumerate() {
            let answer = self.ask(&shop, buyer, &mut end);
            *word = match answer {
                Some(answer) if answer.status == 201 => Word::Yes(won(&answer)),
                answer if is_for_now(&answer) => Word::No,
                other => {
                    let code = other.as_ref().and_then(Response::code);
                    assert!(matches!(code.as_deref(), None | Some("outcome_unknown")), "{self:?} {nth}: {code:?}");
                    end = End::Ended(shop.exit_code());
                    break;
                }
            };
        }
        if !matches!(end, End::Ended(_)) {
            shop.signal("TERM");
            let code = shop.exit_code();
            end = if code == Some(0) { end } else { End::Ended(code) };
        }
        assert!(!shop.said().contains("panicked"), "{self:?} {nth}: {}", shop.said());
        (shop.leave(), end, words)
    }

    /// One buyer's last answer: where the disk takes nothing for now, and can, he asks until it does.
    fn ask(self, shop: &Shop, buyer: usize, end: &mut End) -> Option<Response> {
        let ask = || Wire::try_connect(shop.public()).ok()?.try_ask(&attempt(buyer));
        let mut answer = ask();
        if !is_for_now(&answer) {
            return answer;
        }
        if self.lasts {
            *end = End::Refused;
            return answer;
        }
        *end = End::Recovered;
        if self.fault == Fault::Short {
            lift_the_limit(shop);
        }
        eventually("it sells again by itself, or ends", || {
            answer = ask();
            !is_for_now(&answer)
        });
        let is_new = answer.as_ref().is_none_or(|answer| !is_replayed(answer));
        assert!(is_new, "{self:?}: what was certainly not stored is replayed");
        answer
    }

    fn allows(self, end: End) -> bool {
        match end {
            End::WentOn | End::Recovered => true,
            End::Refused => self.lasts,
            End::Ended(code) => code == Some(74),
            End::DidNotOpen(code) if self.fault.is_of_trust() => code == Some(74),
            // To SQLite a page that can't be read is a damaged one, and the advice is the same.
            End::DidNotOpen(code) if self.fault == Fault::Read => matches!(code, Some(1 | 65 | 74)),
            End::DidNotOpen(code) => matches!(code, Some(1 | 74)),
        }
    }
}

impl Shops {
    pub(crate) fn open() -> Self {
        Self(Before::ALL.map(Seed::of))
    }

    fn seed(&self, before: Before) -> &Seed {
        self.0.iter().find(|seed| seed.before == before).expect("all are there")
    }

    /// What the shop calls of the disk in a life in which nothing goes wrong.
    pub(crate) fn calls(&self, before: Before) -> &Calls {
        &self.seed(before).calls
    }

    /// Lets the shop meet the fault, and holds what is left against what was said. How it ended, and whether it was met.
    pub(crate) fn try_fault(&self, case: Case, nth: usize) -> (End, bool) {
        let Seed { home, acks, .. } = self.seed(case.before);
        let (home, end, words) = case.suffer(home.copy(), nth);
        assert!(case.allows(end), "{case:?} {nth}: {end:?}");
        let is_met = if case.fault == Fault::Short { end != End::WentOn } else { was_met(&home) };
        let shop = Shop::open_at(home);
        let mut acks = acks.clone();
        for (buyer, word) in words.iter().enumerate() {
            let answer = shop.ask(&attempt(buyer));
            let order = won(&answer);
            let is_kept = match word {
                Word::Yes(told) => *told == order && is_replayed(&answer),
                Word::No => !is_replayed(&answer),
                Word::Unknown => true,
            };
            assert!(is_kept, "{case:?} {nth}: buyer {buyer} was told {word:?}, and now {}", answer.text());
            acks.push(order);
        }
        let (code, report) = shop.close().audit_with_acks(&acks);
        let is_ok = code == Some(0) && report["ok"] == true && report["orders"] == acks.len();
        assert!(is_ok, "{case:?} {nth}: {report:#}");
        (end, is_met)
    }
}
