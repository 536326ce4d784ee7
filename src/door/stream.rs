//! A sale's event stream: phase and what remains, told to everybody who looks.
//!
//! One frame is rendered for all listeners, a few times a second, and only while somebody listens.
//!
//! **Invariant:** a listener costs a pointer to the last frame; a slow one skips frames, and none is queued for him.
//!
//! **Invariant:** ten thousand listeners are never told at once: attempts would wait behind all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::header;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::shop::Shop;
use super::views::PulseView;
use crate::ids::SaleNo;
use crate::sale::Sale;

/// How often listeners are told: often enough to look alive, rare enough to cost nothing beside a stampede.
const FRAME_INTERVAL: Duration = Duration::from_millis(500);
/// Parts that a sale's listeners are told in, one after the other: of ten thousand a hundred every 5 ms, which is less than
/// a millisecond's work, and attempts don't notice.
const COHORTS: usize = 100;
/// How often a silent stream says that it is there: proxies cut streams that are silent for a minute or so.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// Marks an answer that only its listener ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endless;

/// The streams of all sales.
#[derive(Debug)]
pub struct Streams {
    /// The listeners of each sale; none once the house closes. Held for a look-up, or for telling one cohort.
    by_sale: Mutex<Option<BTreeMap<SaleNo, Audience>>>,
}

/// Who listens to one sale.
#[derive(Debug)]
struct Audience {
    cohorts: Vec<watch::Sender<Bytes>>,
    /// Where the next one goes.
    next: usize,
}

impl Audience {
    fn new(first: &Bytes) -> Self {
        Self { cohorts: (0..COHORTS).map(|_| watch::Sender::new(first.clone())).collect(), next: 0 }
    }

    fn join(&mut self) -> watch::Receiver<Bytes> {
        self.next = (self.next + 1) % COHORTS;
        self.cohorts[self.next].subscribe()
    }

    fn is_empty(&self) -> bool {
        self.cohorts.iter().all(|cohort| cohort.receiver_count() == 0)
    }
}

impl Default for Streams {
    fn default() -> Self {
        Self { by_sale: Mutex::new(Some(BTreeMap::new())) }
    }
}

impl Streams {
    /// A stream of one sale, which begins with the frame of now.
    pub(super) fn subscribe(&self, shop: &Shop, sale: &Sale) -> Response {
        let frames = self.listen(sale.no(), frame(shop, sale));
        let told = futures_util::stream::unfold(frames, |mut frames| async move {
            let bytes = match tokio::time::timeout(PING_INTERVAL, frames.changed()).await {
                Ok(Ok(())) => frames.borrow_and_update().clone(),
                Err(_) => Bytes::from_static(b": still here\n\n"),
                // The house is closing.
                Ok(Err(_)) => return None,
            };
            Some((Ok::<_, std::convert::Infallible>(bytes), frames))
        });
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-store"),
            // nginx would keep frames back to fill its buffer.
            (header::HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        (Extension(Endless), headers, Body::from_stream(told)).into_response()
    }

    /// What one listener hears: this frame first. In a house that closes, nothing after it.
    fn listen(&self, sale: SaleNo, first: Bytes) -> watch::Receiver<Bytes> {
        let mut frames = match &mut *self.by_sale.lock() {
            Some(by_sale) => by_sale.entry(sale).or_insert_with(|| Audience::new(&first)).join(),
            None => watch::Sender::new(first).subscribe(),
        };
        frames.mark_changed();
        frames
    }

    /// Tells one cohort of each sale's listeners what has changed; sales without any are forgotten. Says whether anybody
    /// listens at all.
    fn tell(&self, cohort: usize, frame_of: impl Fn(SaleNo) -> Option<Bytes>) -> bool {
        let mut by_sale = self.by_sale.lock();
        let Some(by_sale) = &mut *by_sale else { return false };
        by_sale.retain(|_, audience| !audience.is_empty());
        for (sale, audience) in &mut *by_sale {
            let Some((next, frames)) = frame_of(*sale).zip(audience.cohorts.get(cohort)) else { continue };
            frames.send_if_modified(|last| {
                let is_new = *last != next;
                *last = next;
                is_new
            });
        }
        !by_sale.is_empty()
    }

    /// Ends every stream, and those that are still to begin.
    fn end(&self) {
        *self.by_sale.lock() = None;
    }
}

/// Tells the listeners, until the house closes.
pub(super) async fn tell(shop: Arc<Shop>) {
    let each = FRAME_INTERVAL / COHORTS as u32;
    for cohort in (0..COHORTS).cycle() {
        if shop.readiness.is_leaving() {
            break;
        }
        let frame_of = |number| shop.funnel.sales.sale(number).map(|sale| frame(&shop, sale));
        let is_heard = shop.streams.tell(cohort, frame_of);
        tokio::time::sleep(if is_heard { each } else { FRAME_INTERVAL }).await;
    }
    shop.streams.end();
}

fn frame(shop: &Shop, sale: &Sale) -> Bytes {
    let view = PulseView::of(sale, &shop.funnel, shop.limits.load().few, shop.clock.now().wall);
    let data = serde_json::to_string(&view).unwrap_or_default();
    format!("event: sale\ndata: {data}\n\n").into()
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::*;

    const SALE: SaleNo = SaleNo(0);

    /// Everything that a listener hears who stays to the end.
    async fn heard(mut frames: watch::Receiver<Bytes>) -> Vec<Bytes> {
        let mut heard = Vec::new();
        while frames.changed().await.is_ok() {
            heard.push(frames.borrow_and_update().clone());
        }
        heard
    }

    #[tokio::test]
    async fn a_stream_that_begins_while_the_house_closes_ends_after_its_first_frame() {
        let streams = Streams::default();
        let before = streams.listen(SALE, "first".into());
        streams.end();
        let after = streams.listen(SALE, "last".into());
        assert_eq!(heard(before).await, ["first"]);
        assert_eq!(heard(after).await, ["last"]);
    }

    #[tokio::test]
    async fn a_crowd_of_listeners_is_told_bit_by_bit_and_each_of_them_once_in_a_round() {
        let streams = Streams::default();
        let mut crowd: Vec<_> = (0..COHORTS * 3).map(|_| streams.listen(SALE, "first".into())).collect();
        for frames in &mut crowd {
            frames.mark_unchanged();
        }
        let told = |crowd: &[watch::Receiver<Bytes>]| {
            crowd.iter().filter(|frames| frames.has_changed().expect("somebody tells")).count()
        };
        for cohort in 0..COHORTS {
            assert_eq!(told(&crowd), cohort * 3);
            assert!(streams.tell(cohort, |_| Some("second".into())));
        }
        assert_eq!(told(&crowd), crowd.len());
        drop(crowd);
        assert!(!streams.tell(0, |_| Some("third".into())), "a sale that nobody listens to is forgotten");
    }

    #[tokio::test]
    async fn listeners_hear_what_changes_and_a_slow_one_only_the_last_of_it() {
        let streams = Streams::default();
        let slow = streams.listen(SALE, "one".into());
        for frame in ["two", "two", "three"] {
            for cohort in 0..COHORTS {
                streams.tell(cohort, |_| Some(frame.into()));
            }
        }
        streams.end();
        assert_eq!(heard(slow).await, ["three"]);
    }
}
