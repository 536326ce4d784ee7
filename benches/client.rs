//! What the first floor costs: a pass, good and bad, on every attempt; a challenge once a buyer.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use doorbuster::client::{Client, ClientSettings, Difficulty, PassBuffer, Proof, Secret, solve};
use doorbuster::clock::WallTime;
use doorbuster::ids::{BuyerRef, SaleId};

/// 2026-11-27T09:00Z.
const NOW: WallTime = WallTime::from_micros(1_795_770_000_000_000);

fn client() -> Client {
    Client::new(&Secret::from_bytes([7; 32]), ClientSettings::default())
}

fn passes(criterion: &mut Criterion) {
    let client = client();
    let sale = SaleId::parse("launch").expect("a sale id");
    // As long as the buyers that a redeemed challenge makes.
    let buyer = BuyerRef::parse(b"b-0123456789012345678901").expect("a buyer id");
    let good = client.mint(&sale, buyer, NOW, None).token;
    let expired = client.mint(&sale, buyer, NOW, Some(Duration::ZERO)).token;
    let forged =
        Client::new(&Secret::from_bytes([8; 32]), ClientSettings::default()).mint(&sale, buyer, NOW, None).token;
    let garbage = vec![b'!'; good.len()];

    let mut group = criterion.benchmark_group("pass");
    let cases: [(&str, &[u8]); 4] = [
        ("good", good.as_bytes()),
        ("forged", forged.as_bytes()),
        ("expired", expired.as_bytes()),
        ("garbage", &garbage),
    ];
    for (name, token) in cases {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut buffer = PassBuffer::new();
                client.clear("launch", Proof::Pass(black_box(token)), &mut buffer, NOW).map(|cleared| {
                    black_box(cleared.buyer());
                })
            });
        });
    }
    group.bench_function("minted", |bencher| bencher.iter(|| client.mint(&sale, black_box(buyer), NOW, None)));
    group.finish();
}

fn challenges(criterion: &mut Criterion) {
    let client = client();
    let sale = SaleId::parse("launch").expect("a sale id");
    let solved = solve(&client.challenge(&sale, NOW)).expect("a challenge of ours");
    let mut unsolved = solved.clone();
    unsolved.solution.counter ^= 1;
    let mut forged = solved.clone();
    forged.challenge.parameters.cost = 1;

    let mut group = criterion.benchmark_group("challenge");
    group.bench_function("issued", |bencher| bencher.iter(|| client.challenge(black_box(&sale), NOW)));
    client.redeem(&sale, &solved, NOW).expect("the first redemption");
    // A spent one is verified like any other, and then found in the table.
    for (name, solved) in [("spent", &solved), ("wrong solution", &unsolved), ("forged", &forged)] {
        group.bench_function(name, |bencher| bencher.iter(|| client.redeem(&sale, black_box(solved), NOW)));
    }
    // Sixteen tries on average: divide by the difficulty wanted.
    let easy = ClientSettings { difficulty: Difficulty::new(1, 1).expect("in range"), ..ClientSettings::default() };
    client.retune(easy);
    group.bench_function("issued, solved and redeemed at 16 hashes", |bencher| {
        bencher.iter(|| {
            let solved = solve(&client.challenge(&sale, NOW)).expect("a challenge of ours");
            client.redeem(&sale, &solved, NOW)
        });
    });
    group.finish();
}

criterion_group!(benches, passes, challenges);
criterion_main!(benches);
