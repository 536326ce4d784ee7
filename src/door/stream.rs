//! A sale's event stream: phase and what remains, told to everybody who looks.
//!
//! One frame is rendered for all listeners, a few times a second, and only while somebody listens.
//!
//! **Invariant:** a listener costs a pointer to the last frame; a slow one skips frames, and none is queued for him.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dashmap::DashMap;
use hyper::header;
use tokio::sync::watch;

use super::shop::Shop;
use super::views::PulseView;
use crate::ids::SaleNo;
use crate::sale::Sale;

/// How often listeners are told: often enough to look alive, rare enough to cost nothing beside a stampede.
const FRAME_INTERVAL: Duration = Duration::from_millis(500);
/// How often a silent stream says that it is there: proxies cut streams that are silent for a minute or so.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// The streams of all sales.
#[derive(Debug, Default)]
pub struct Streams {
    by_sale: DashMap<SaleNo, watch::Sender<Bytes>>,
}

impl Streams {
    /// A stream of one sale, which begins with the frame of now.
    pub(super) fn subscribe(&self, shop: &Shop, sale: &Sale) -> Response {
        let first = frame(shop, sale);
        let mut frames = self.by_sale.entry(sale.no()).or_insert_with(|| watch::Sender::new(first)).subscribe();
        frames.mark_changed();
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
        (headers, Body::from_stream(told)).into_response()
    }

    /// Ends every stream.
    pub(super) fn end(&self) {
        self.by_sale.clear();
    }
}

/// Tells the listeners, until the house closes.
pub(super) async fn tell(shop: Arc<Shop>) {
    let mut ticks = tokio::time::interval(FRAME_INTERVAL);
    while !shop.readiness.is_leaving() {
        ticks.tick().await;
        let numbers: Vec<SaleNo> = shop.streams.by_sale.iter().map(|entry| *entry.key()).collect();
        for number in numbers {
            let Some(sale) = shop.funnel.sales.sale(number) else { continue };
            shop.streams.by_sale.remove_if(&number, |_, frames| frames.receiver_count() == 0);
            let next = frame(&shop, sale);
            if let Some(frames) = shop.streams.by_sale.get(&number) {
                frames.send_if_modified(|last| {
                    let is_new = *last != next;
                    *last = next;
                    is_new
                });
            }
        }
    }
    shop.streams.end();
}

fn frame(shop: &Shop, sale: &Sale) -> Bytes {
    let view = PulseView::of(sale, &shop.funnel, shop.limits.load().few, shop.clock.now().wall);
    let data = serde_json::to_string(&view).unwrap_or_default();
    format!("event: sale\ndata: {data}\n\n").into()
}
