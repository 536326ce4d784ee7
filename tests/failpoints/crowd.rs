//! Buyers who win, and then pay, give back or go away, whatever becomes of the shop meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::json;

use crate::contract::won;
use crate::plan::{SALE, SKU};
use crate::shop::Shop;
use crate::wire::{Request, Response, Wire};

/// What payments are signed with.
pub(crate) const SECRET: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
const VOICES: usize = 6;
const LIVES: usize = 6;

/// A payment of one unit, signed.
fn payment(buyer: &str, order: &str) -> Request {
    let (id, at_s) = (format!("{buyer}-pay"), Timestamp::now().as_second().to_string());
    let amount = json!({ "amount": "129.00", "currency": "USD" });
    let data = json!({ "order": order, "payment": id, "amount": amount });
    let body = json!({ "type": "payment.succeeded", "timestamp": Timestamp::now().to_string(), "data": data });
    let body = body.to_string();
    let key = STANDARD.decode(SECRET).expect("Base64");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("a key of any length");
    mac.update(format!("{id}.{at_s}.{body}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let request = Request::post("/v1/payments").body("application/json", body.as_bytes());
    let request = request.header("webhook-id", &id).header("webhook-timestamp", &at_s);
    request.header("webhook-signature", &format!("v1,{signature}"))
}

pub(crate) fn attempt(buyer: &str) -> Request {
    Request::attempt(SALE, SKU).buyer(buyer).key("k")
}

/// What the crowd has heard.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) acks: Vec<String>,
    /// Buyers who don't know.
    pub(crate) unanswered: Vec<String>,
    /// Where an order must be: what was told.
    pub(crate) told: BTreeMap<String, &'static str>,
    /// What was asked for, and not told.
    untold: BTreeSet<String>,
    pub(crate) operations: usize,
}

/// One voice of the crowd: each buyer wins, and then pays, gives back or goes away.
fn voice(shop: &Shop, voice: usize, heard: &Mutex<Heard>) {
    let mut wire = None;
    let mut ask = |request: &Request| -> Option<Response> {
        let mut open = wire.take().or_else(|| Wire::try_connect(shop.public()).ok())?;
        let response = open.try_ask(request);
        wire = response.is_some().then_some(open);
        response
    };
    for n in 0..LIVES {
        let buyer = format!("v{voice}-{n}");
        let answer = ask(&attempt(&buyer));
        let mut told = heard.lock().expect("no panic there");
        told.operations += 1;
        let order = match answer {
            Some(answer) if answer.status == 201 => won(&answer),
            Some(answer) if !matches!(answer.status, 500 | 503) => panic!("{buyer}: {}", answer.text()),
            _ => {
                told.unanswered.push(buyer);
                continue;
            }
        };
        told.acks.push(order.clone());
        drop(told);
        let (request, state) = match n % 3 {
            0 => (payment(&buyer, &order), "confirmed"),
            1 => (Request::post(&format!("/v1/orders/{order}/cancel")).buyer(&buyer), "cancelled"),
            _ => continue,
        };
        let answer = ask(&request);
        let mut told = heard.lock().expect("no panic there");
        told.operations += 1;
        if answer.is_some_and(|answer| answer.status == 200) {
            told.told.insert(order, state);
        } else {
            told.untold.insert(order);
        }
    }
}

/// Until everybody has lived all his lives.
pub(crate) fn crowd(shop: &Shop) -> Heard {
    let heard = Mutex::new(Heard::default());
    thread::scope(|scope| {
        for number in 0..VOICES {
            let heard = &heard;
            scope.spawn(move || voice(shop, number, heard));
        }
    });
    heard.into_inner().expect("no panic there")
}
