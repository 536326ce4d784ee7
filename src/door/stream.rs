//! A sale's event stream: phase and what remains, told to everybody who looks.
//!
//! One frame is rendered for all listeners, a few times a second, and only while somebody listens.
//!
//! **Invariant:** a listener costs a pointer to the last frame; a slow one skips frames, and none is queued for him.
//!
//! **Invariant:** ten thousand listeners are never told at once: attempts would wait behind all of them. What can wait, a
//! number that went down, is told so many a second; what can't, that a sale opens or an item is gone, within a moment.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
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
/// So many milliseconds a cohort's frames are spread over, each at its own: a hundred writes behind each other are half a
/// millisecond in which no attempt is answered.
const SPREAD_MS: usize = 25;
/// Frames that go out in a second at most while nothing has changed but numbers: each costs the server 5 µs, so these are a
/// fiftieth of a core. Two thousand listeners are told twice a second, ten thousand every two or three.
const FRAMES_PER_S_MAX: u32 = 4_000;
/// How often a stream says the same again while nothing changes: proxies cut streams that are silent for a minute or so, and
/// who was refused the last unit, which came back before he could be told that it was gone, hears that it is there.
const SAME_AGAIN_INTERVAL: Duration = Duration::from_secs(15);

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
    /// How many have come so far: where the next one goes.
    came: usize,
}

/// One of an audience.
#[derive(Debug)]
struct Listener {
    frames: watch::Receiver<Bytes>,
    /// How long after its cohort it is told.
    after: Duration,
}

impl Listener {
    /// What it is told next; nothing once the house closes.
    async fn next(&mut self) -> Option<Bytes> {
        if let Ok(Err(_)) = tokio::time::timeout(SAME_AGAIN_INTERVAL, self.frames.changed()).await {
            return None;
        }
        if !self.after.is_zero() {
            tokio::time::sleep(self.after).await;
        }
        Some(self.frames.borrow_and_update().clone())
    }
}

impl Audience {
    fn new(first: &Bytes) -> Self {
        Self { cohorts: (0..COHORTS).map(|_| watch::Sender::new(first.clone())).collect(), came: 0 }
    }

    fn join(&mut self) -> Listener {
        let (cohort, place) = (self.came % COHORTS, self.came / COHORTS % SPREAD_MS);
        self.came = self.came.wrapping_add(1);
        Listener { frames: self.cohorts[cohort].subscribe(), after: Duration::from_millis(place as u64) }
    }

    fn len(&self) -> usize {
        self.cohorts.iter().map(watch::Sender::receiver_count).sum()
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
        let listener = self.listen(sale.no(), frame(shop, sale));
        let told = futures_util::stream::unfold(listener, |mut listener| async move {
            let frame = listener.next().await?;
            Some((Ok::<_, std::convert::Infallible>(frame), listener))
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
    fn listen(&self, sale: SaleNo, first: Bytes) -> Listener {
        let mut listener = match &mut *self.by_sale.lock() {
            Some(by_sale) => by_sale.entry(sale).or_insert_with(|| Audience::new(&first)).join(),
            None => Listener { frames: watch::Sender::new(first).subscribe(), after: Duration::ZERO },
        };
        listener.frames.mark_changed();
        listener
    }

    /// Tells one cohort of each sale's listeners what has changed; sales without any are forgotten. Says how many listen.
    fn tell(&self, cohort: usize, frame_of: impl Fn(SaleNo) -> Option<Bytes>) -> usize {
        let mut by_sale = self.by_sale.lock();
        let Some(by_sale) = &mut *by_sale else { return 0 };
        let mut listeners = 0;
        by_sale.retain(|_, audience| {
            listeners += audience.len();
            audience.len() > 0
        });
        for (sale, audience) in &mut *by_sale {
            let Some((next, frames)) = frame_of(*sale).zip(audience.cohorts.get(cohort)) else { continue };
            frames.send_if_modified(|last| {
                let is_new = *last != next;
                *last = next;
                is_new
            });
        }
        listeners
    }

    /// Sums up what nobody should hear late, of all sales that anybody listens to.
    fn headlines(&self, headline_of: impl Fn(SaleNo) -> u64) -> u64 {
        let by_sale = self.by_sale.lock();
        by_sale.iter().flat_map(BTreeMap::keys).fold(0, |sum, sale| sum.rotate_left(1) ^ headline_of(*sale))
    }

    /// Ends every stream, and those that are still to begin.
    fn end(&self) {
        *self.by_sale.lock() = None;
    }
}

/// Tells the listeners, until the house closes.
pub(super) async fn tell(shop: Arc<Shop>) {
    let (mut headlines, mut in_a_hurry) = (0, 0_usize);
    for cohort in (0..COHORTS).cycle() {
        if shop.readiness.is_leaving() {
            break;
        }
        let sale_of = |number| shop.funnel.sales.sale(number);
        let now = shop.streams.headlines(|number| sale_of(number).map_or(0, |sale| headline(&shop, sale)));
        // Once through all cohorts.
        in_a_hurry = if now == headlines { in_a_hurry.saturating_sub(1) } else { COHORTS };
        headlines = now;
        let listeners = shop.streams.tell(cohort, |number| sale_of(number).map(|sale| frame(&shop, sale)));
        tokio::time::sleep(until_next_cohort(listeners, in_a_hurry > 0)).await;
    }
    shop.streams.end();
}

/// How long the teller rests after a cohort. Where nobody listens there is nothing to tell.
fn until_next_cohort(listeners: usize, is_in_a_hurry: bool) -> Duration {
    const COHORT: Duration = Duration::from_micros(FRAME_INTERVAL.as_micros() as u64 / COHORTS as u64);
    let cohort = u32::try_from(listeners.div_ceil(COHORTS)).unwrap_or(u32::MAX);
    match listeners {
        0 => FRAME_INTERVAL,
        _ if is_in_a_hurry => COHORT,
        // However many they are: a hurry begins when the teller looks up.
        _ => (Duration::from_secs(1) / FRAMES_PER_S_MAX).saturating_mul(cohort).clamp(COHORT, FRAME_INTERVAL / 2),
    }
}

/// What nobody should hear late: the phase, and what is there at all.
fn headline(shop: &Shop, sale: &Sale) -> u64 {
    let mut hasher = DefaultHasher::new();
    sale.phase_at(shop.clock.now().wall).hash(&mut hasher);
    for item in sale.items().iter() {
        (shop.funnel.stock.remaining(*item) > 0).hash(&mut hasher);
    }
    hasher.finish()
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
    async fn heard(mut listener: Listener) -> Vec<Bytes> {
        let mut heard = Vec::new();
        while let Some(frame) = listener.next().await {
            heard.push(frame);
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
        for listener in &mut crowd {
            listener.frames.mark_unchanged();
        }
        let told = |crowd: &[Listener]| {
            crowd.iter().filter(|listener| listener.frames.has_changed().expect("somebody tells")).count()
        };
        assert_eq!(crowd[COHORTS].after - crowd[0].after, Duration::from_millis(1), "nor is a cohort told at once");
        for cohort in 0..COHORTS {
            assert_eq!(told(&crowd), cohort * 3);
            assert_eq!(streams.tell(cohort, |_| Some("second".into())), crowd.len());
        }
        assert_eq!(told(&crowd), crowd.len());
        drop(crowd);
        assert_eq!(streams.tell(0, |_| Some("third".into())), 0, "a sale that nobody listens to is forgotten");
        assert_eq!(streams.headlines(|_| 7), 0);
    }

    #[test]
    fn a_few_listeners_are_told_twice_a_second_and_many_as_often_as_it_costs_nothing_unless_it_is_urgent() {
        let round = |listeners, is_in_a_hurry| until_next_cohort(listeners, is_in_a_hurry) * COHORTS as u32;
        assert_eq!(until_next_cohort(0, false), FRAME_INTERVAL);
        for listeners in [1, 100, 2_000] {
            assert_eq!(round(listeners, false), FRAME_INTERVAL, "{listeners}");
        }
        assert_eq!(round(10_000, false), Duration::from_millis(2_500));
        for listeners in [1, 10_000, usize::MAX] {
            assert_eq!(round(listeners, true), FRAME_INTERVAL, "{listeners}");
            assert!(until_next_cohort(listeners, false) <= FRAME_INTERVAL / 2, "{listeners}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_listens_while_nothing_changes_hears_the_same_again() {
        let streams = Streams::default();
        let mut listener = streams.listen(SALE, "first".into());
        let began = tokio::time::Instant::now();
        for again in 0..3 {
            assert_eq!(listener.next().await, Some("first".into()));
            assert_eq!(began.elapsed().as_secs(), again * SAME_AGAIN_INTERVAL.as_secs());
        }
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
