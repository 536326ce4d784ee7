//! What the house tells Prometheus: read off the counts that are there anyway, when somebody asks.
//!
//! **Invariant:** nothing on the attempt's path knows that there are metrics; no label is chosen by a client.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::funnel::{Funnel, Layer, Sums};
use crate::ledger::LedgerState;
use crate::log::LostLines;
use crate::messages::{Courier, EndpointStatus};
use crate::postgres::{Shipper, ShippingState};

/// The house's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// The metrics of these floors.
    #[must_use]
    pub fn new(
        funnel: Arc<Funnel>,
        courier: Arc<Courier>,
        shipper: Option<Arc<Shipper>>,
        lost_lines: LostLines,
    ) -> Self {
        let mut registry = Registry::with_prefix("doorbuster");
        registry.register_collector(Box::new(House { funnel }));
        registry.register_collector(Box::new(Post { courier }));
        registry.register_collector(Box::new(Log { lost_lines }));
        if let Some(shipper) = shipper {
            registry.register_collector(Box::new(Shipping { shipper }));
        }
        Self { registry }
    }

    /// The OpenMetrics text of now.
    ///
    /// # Errors
    /// Where the text can't be written; it is written to memory.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

struct House {
    funnel: Arc<Funnel>,
}

impl fmt::Debug for House {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("House").finish_non_exhaustive()
    }
}

/// One metric's lines: labels and a value each.
type Lines<const LABELS: usize> = Vec<([(&'static str, String); LABELS], f64)>;

fn counters<const LABELS: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    lines: Lines<LABELS>,
) -> fmt::Result {
    let kind = ConstCounter::new(0.0).metric_type();
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in lines {
        ConstCounter::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauges<const LABELS: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, unit): (&str, &str, Option<&Unit>),
    lines: Lines<LABELS>,
) -> fmt::Result {
    let kind = ConstGauge::new(0.0).metric_type();
    let mut metric = encoder.encode_descriptor(name, help, unit, kind)?;
    for (labels, value) in lines {
        ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "OpenMetrics has no other numbers; counts below 2⁵³ are exact")]
fn number(count: u64) -> f64 {
    count as f64
}

impl House {
    /// Each sale's id and counts; attempts at sales that don't exist have an empty id.
    fn sums(&self) -> Vec<(String, Sums)> {
        let tallies = &self.funnel.tallies;
        let sales = self.funnel.sales.sales();
        let sales = sales.map(|sale| (sale.terms().id.to_string(), tallies.of(Some(sale.no())).sums()));
        sales.chain([(String::new(), tallies.of(None).sums())]).collect()
    }

    fn funnel(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let sums = self.sums();
        let each = |count: fn(&Sums) -> u64| -> Lines<1> {
            sums.iter().map(|(sale, sums)| ([("sale", sale.clone())], number(count(sums)))).collect()
        };
        counters(encoder, ("attempts", "Requests to buy"), each(|sums| sums.attempts))?;
        counters(encoder, ("won", "Attempts that won"), each(|sums| sums.won))?;
        counters(encoder, ("stored", "Won orders that are on disk"), each(|sums| sums.stored))?;
        counters(encoder, ("replayed", "Attempts answered with an order won before"), each(|sums| sums.replayed))?;
        let refused = sums.iter().flat_map(|(sale, sums)| {
            Layer::ALL
                .into_iter()
                .zip(sums.refused)
                .map(|(layer, count)| ([("sale", sale.clone()), ("layer", layer.word().to_owned())], number(count)))
        });
        counters(encoder, ("refused", "Attempts refused, by the floor that said no"), refused.collect())
    }

    fn units(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (sales, stock) = (&self.funnel.sales, &self.funnel.stock);
        let items = sales.sales().flat_map(|sale| {
            let id = sale.terms().id.to_string();
            let items = sale.items().iter().filter_map(|no| sales.item(*no)).collect::<Vec<_>>();
            items.into_iter().map(move |item| (id.clone(), item))
        });
        let lines = items.flat_map(|(sale, item)| {
            let sku = item.terms().sku.to_string();
            [("remaining", stock.remaining(item.no())), ("held", stock.held(item.no())), ("stock", item.on_sale())].map(
                |(of, units)| ([("sale", sale.clone()), ("sku", sku.clone()), ("of", of.to_owned())], f64::from(units)),
            )
        });
        gauges(encoder, ("units", "Units of an item: on sale at all, held, remaining", None), lines.collect())
    }

    /// What is sold, at its price: by sale and currency.
    fn revenue(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (sales, stock) = (&self.funnel.sales, &self.funnel.stock);
        let mut lines: Lines<2> = Vec::new();
        for sale in sales.sales() {
            let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
            for item in sale.items().iter().filter_map(|no| sales.item(*no)) {
                let free = stock.remaining(item.no()) + stock.held(item.no());
                let price = item.terms().price.text();
                let sold = f64::from(item.on_sale().saturating_sub(free));
                *sums.entry(item.terms().price.currency()).or_default() += sold * price.amount.parse().unwrap_or(0.0);
            }
            let id = sale.terms().id.to_string();
            let line = |(currency, sum): (&str, f64)| ([("sale", id.clone()), ("currency", currency.to_owned())], sum);
            lines.extend(sums.into_iter().map(line));
        }
        gauges(encoder, ("revenue", "What confirmed orders are worth", None), lines)
    }

    fn pace(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let pace = &self.funnel.pace;
        let lines = [("attempts", pace.attempts.reading()), ("wins", pace.wins.reading())].into_iter();
        let lines = lines.flat_map(|(of, reading)| {
            [(500, "0.5"), (990, "0.99"), (999, "0.999")].into_iter().filter_map(move |(of_a_thousand, quantile)| {
                let span = reading.per_mille(of_a_thousand)?;
                Some(([("of", of.to_owned()), ("quantile", quantile.to_owned())], span.as_secs_f64()))
            })
        });
        let help = "From an attempt's head to its answer, since the start; of attempts one in 64 is measured";
        gauges(encoder, ("answer", help, Some(&Unit::Seconds)), lines.collect())
    }

    fn ledger(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let health = self.funnel.ledger.health();
        let is_writing = if health.state == LedgerState::Writing { 1.0 } else { 0.0 };
        gauges(encoder, ("ledger_writing", "1 while the ledger takes orders", None), vec![([], is_writing)])?;
        gauges(encoder, ("ledger_queued", "Events that wait to be written", None), vec![([], number(health.queued))])?;
        gauges(encoder, ("ledger_queue_capacity", "Events that may wait", None), vec![([], number(health.capacity))])?;
        gauges(
            encoder,
            ("ledger_wal", "The write-ahead log", Some(&Unit::Bytes)),
            vec![([], number(health.wal_bytes))],
        )?;
        counters(encoder, ("ledger_events", "Events in the log"), vec![([], number(health.events))])?;
        counters(encoder, ("ledger_commits", "Commits since the start"), vec![([], number(health.commits))])?;
        let micros = self.funnel.ledger.commit_micros();
        let quantiles = [0.5, 0.99, 0.999, 1.0]
            .map(|quantile| ([("quantile", quantile.to_string())], number(micros.value_at_quantile(quantile)) / 1e6));
        gauges(encoder, ("ledger_commit", "How long commits take", Some(&Unit::Seconds)), quantiles.into())
    }
}

impl Collector for House {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.funnel(&mut encoder)?;
        self.units(&mut encoder)?;
        self.revenue(&mut encoder)?;
        self.pace(&mut encoder)?;
        self.ledger(&mut encoder)?;
        gauges(
            &mut encoder,
            ("orders", "Orders in memory", None),
            vec![([], number(self.funnel.orders.len() as u64))],
        )?;
        let evicted = number(self.funnel.access.evicted());
        counters(&mut encoder, ("access_evicted", "Buckets evicted before they were refilled"), vec![([], evicted)])
    }
}

/// Messages to the shop, by their endpoint's number.
#[derive(Debug)]
struct Post {
    courier: Arc<Courier>,
}

impl Collector for Post {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let statuses = self.courier.statuses();
        let each = |count: fn(&EndpointStatus) -> u64| -> Lines<1> {
            statuses.iter().map(|of| ([("webhook", of.no.0.to_string())], number(count(of)))).collect()
        };
        let encoder = &mut encoder;
        counters(encoder, ("messages_delivered", "Messages delivered"), each(|of| of.delivered))?;
        counters(encoder, ("messages_retried", "Deliveries that failed and are tried again"), each(|of| of.retried))?;
        let pending = each(|of| of.pending as u64);
        gauges(encoder, ("messages_pending", "Messages in flight, or waiting to be tried again", None), pending)?;
        gauges(encoder, ("messages_dead", "Messages that nobody tries any more", None), each(|of| of.dead))?;
        let disabled = each(|of| u64::from(of.disabled.is_some()));
        gauges(encoder, ("messages_disabled", "1 while the webhook wants no messages", None), disabled)
    }
}

/// What the house says of itself.
#[derive(Debug)]
struct Log {
    lost_lines: LostLines,
}

impl Collector for Log {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let lost = number(self.lost_lines.count());
        let help = "Lines of the log that there was no room for, because nobody reads it";
        counters(&mut encoder, ("log_lines_lost", help), vec![([], lost)])
    }
}

/// What goes to PostgreSQL.
struct Shipping {
    shipper: Arc<Shipper>,
}

impl fmt::Debug for Shipping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shipping").finish_non_exhaustive()
    }
}

impl Collector for Shipping {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.shipper.status();
        let encoder = &mut encoder;
        let states = ShippingState::ALL.map(|state| {
            let is_it = if state == status.state { 1.0 } else { 0.0 };
            ([("state", state.word().to_owned())], is_it)
        });
        gauges(encoder, ("postgres_state", "1 for what the shipper does", None), states.into())?;
        let lag_events = number(status.lag_events);
        gauges(encoder, ("postgres_lag_events", "Events that PostgreSQL lacks", None), vec![([], lag_events)])?;
        let help = "For how long the first event that PostgreSQL lacks has been in the ledger";
        gauges(encoder, ("postgres_lag", help, Some(&Unit::Seconds)), vec![([], status.lag_seconds)])?;
        let faults = number(status.faults);
        counters(encoder, ("postgres_faults", "Connections to PostgreSQL lost or refused"), vec![([], faults)])
    }
}
