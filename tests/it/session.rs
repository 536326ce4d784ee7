//! The dashboard's password, and the sessions that it begins.

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use serde_json::json;

use crate::plan::{Plan, SALE, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Response, Wire};

const PASSWORD: &str = "correct horse";
/// As the contract of the office has it: tries of everybody in a minute.
const TRIES_PER_MINUTE: usize = 10;

fn shop() -> Shop {
    let hash = Argon2::default().hash_password(PASSWORD.as_bytes()).expect("a hash");
    let plan = Plan::gateway().set("admin.password_hash", &format!("\"{hash}\""));
    Shop::open(&plan.sale(Sale::of(SALE, 1)))
}

fn log_in(password: &str) -> Request {
    Request::post("/v1/admin/session").json(&json!({ "password": password }))
}

#[track_caller]
fn says(response: &Response, status: u16, code: &str) {
    assert_eq!((response.status, response.code().as_deref()), (status, Some(code)), "{}", response.text());
}

#[test]
fn who_knows_the_password_is_let_in_for_as_long_as_he_comes_back() {
    let shop = shop();
    let look = Request::get("/v1/admin/sales");
    says(&shop.ask_office(&look), 401, "unauthorized");
    let begun = shop.ask_office(&log_in(PASSWORD));
    assert_eq!(begun.status, 204, "{}", begun.text());
    let cookie = begun.header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Strict; Max-Age=1800"), "{cookie}");
    let session = cookie.split(';').next().expect("a value");
    let seen = shop.ask_office(&look.clone().header("cookie", session));
    assert_eq!((seen.status, seen.header("set-cookie")), (200, Some(cookie.as_str())), "the browser keeps it as we do");
    let ended = Request::new("DELETE", "/v1/admin/session").header("cookie", session);
    assert_eq!(shop.ask_office(&ended).status, 204);
    says(&shop.ask_office(&look.header("cookie", session)), 401, "unauthorized");
}

#[test]
fn guesses_are_counted_though_they_come_at_once() {
    let shop = shop();
    let (admin, guess) = (shop.admin(), log_in("wrong"));
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> =
            (0..TRIES_PER_MINUTE + 6).map(|_| scope.spawn(|| Wire::connect(admin).ask(&guess).status)).collect();
        guesses.into_iter().map(|guess| guess.join().expect("an answer")).collect()
    });
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(401), count(429)), (TRIES_PER_MINUTE, 6), "{answers:?}");
    // The right one has to wait as well.
    says(&shop.ask_office(&log_in(PASSWORD)), 429, "rate_limited");
}

#[test]
fn right_passwords_are_no_guesses_and_files_are_no_passwords() {
    let shop = shop();
    for _ in 0..TRIES_PER_MINUTE + 2 {
        assert_eq!(shop.ask_office(&log_in(PASSWORD)).status, 204);
    }
    says(&shop.ask_office(&log_in(&"x".repeat(100_000))), 401, "unauthorized");
}
