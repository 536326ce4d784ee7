//! OAT-006, expediting: steps that are left out.

use doorbuster::cashier::Unmoved;
use doorbuster::client::{ChallengeMode, PassBuffer, Proof, SolvedChallenge, Unproven, solve};
use doorbuster::funnel::{Attempt, Refusal};
use doorbuster::ids::{MessageId, OrderId, SaleId};
use doorbuster::orders::notice::{Notice, NoticeKind};

use super::house::{Defences, House, NONE, NOON, SALE, SKU, home};

fn guarded() -> House {
    House::open(Defences { challenge: ChallengeMode::Pow, ..NONE }, 10, None, NOON)
}

#[test]
fn nobody_orders_without_a_pass_or_with_another_sales() {
    let house = guarded();
    let other = SaleId::parse("other").expect("a name");
    let solved = solve(&house.funnel.client.challenge(&other, NOON)).expect("a solution");
    let foreign = house.funnel.client.redeem(&other, &solved, NOON).expect("a pass for another sale").token;
    let mut forged = house.pass();
    let last = forged.pop().expect("a token");
    forged.push(if last == 'A' { 'B' } else { 'A' });
    for (proof, expected) in [
        (Proof::Nothing, Unproven::PassRequired),
        (Proof::Pass(foreign.as_bytes()), Unproven::PassInvalid),
        (Proof::Pass(forged.as_bytes()), Unproven::PassInvalid),
    ] {
        let aim = house.funnel.sales.aim(SALE, SKU);
        let attempt = Attempt { address: home(1), aim, proof, key: None };
        let refusal = house.funnel.descend(attempt, &mut PassBuffer::default(), house.clock.now()).expect_err("a no");
        assert_eq!(refusal, Refusal::Client(expected));
    }
    assert_eq!(house.remaining(), 10);
}

#[test]
fn no_pass_is_had_without_the_work_or_twice_for_it() {
    let house = guarded();
    let (client, sale) = (&house.funnel.client, SaleId::parse(SALE).expect("a name"));
    client.grant(&sale, NOON).expect_err("passes cost work here");
    let solved = solve(&client.challenge(&sale, NOON)).expect("a solution");
    let mut guessed = solved.solution.clone();
    guessed.counter = guessed.counter.wrapping_add(1);
    let unsolved = SolvedChallenge { challenge: solved.challenge.clone(), solution: guessed };
    client.redeem(&sale, &unsolved, NOON).expect_err("a guess is no solution");
    client.redeem(&sale, &solved, NOON).expect("the work is done");
    client.redeem(&sale, &solved, NOON).expect_err("once");
}

#[test]
fn nobody_pays_for_an_order_that_was_not_won() {
    let house = guarded();
    let order = OrderId::fresh(NOON);
    let message = MessageId::parse("m-1").expect("a message's id");
    let notice = Notice { message, kind: NoticeKind::Succeeded, order, payment: None, amount: None };
    assert_eq!(house.cashier.notice(&notice, NOON).expect_err("no order"), Unmoved::NotFound);
    assert_eq!(house.cashier.confirm(order, NOON).expect_err("no order"), Unmoved::NotFound);
    assert_eq!(house.remaining(), 10);
}
