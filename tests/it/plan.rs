//! What a shop is told to be: its `config.toml`, made here.

use jiff::Timestamp;
use serde_json::Value as Json;
use toml::{Table, Value};

/// The sale that most tests need one of.
pub(crate) const SALE: &str = "launch";
/// Its item.
pub(crate) const SKU: &str = "unit";
/// What the office asks for.
pub(crate) const ADMIN_TOKEN: &str = "office-token-of-the-tests-0123456789abcdef";

/// What messages are signed with.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A bucket for `access`: one attempt, and the next in some hours.
pub(crate) const ONCE: &str = "{ rate = 0.0001, burst = 1 }";

/// An instant as both the configuration and the admin API read it.
pub(crate) fn instant(at: Timestamp) -> String {
    format!("{}[UTC]", at.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
}

/// A sale in the making.
#[derive(Debug, Clone)]
pub(crate) struct Sale(Table);

impl Sale {
    /// Live at once, no hold, no limit that a test would meet by accident, and nothing in it yet.
    pub(crate) fn new(id: &str) -> Self {
        Self(Table::new()).with("id", id).with("title", "A sale under test").with("limit_per_buyer", 1_000_000)
    }

    /// A sale of one item that costs 129.00 USD.
    pub(crate) fn of(id: &str, stock: u32) -> Self {
        Self::new(id).item(SKU, stock)
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.into(), value.into());
        self
    }

    pub(crate) fn titled(self, title: &str) -> Self {
        self.with("title", title)
    }

    pub(crate) fn limit(self, units: u32) -> Self {
        self.with("limit_per_buyer", i64::from(units))
    }

    pub(crate) fn hold(self, duration: &str) -> Self {
        self.with("hold", duration)
    }

    pub(crate) fn opens_at(self, text: &str) -> Self {
        self.with("opens_at", text)
    }

    pub(crate) fn closes_at(self, text: &str) -> Self {
        self.with("closes_at", text)
    }

    pub(crate) fn item(mut self, sku: &str, stock: u32) -> Self {
        let price = Table::from_iter([("amount".into(), "129.00".into()), ("currency".into(), "USD".into())]);
        let item = Table::from_iter([
            ("sku".into(), sku.into()),
            ("title".into(), Value::from(format!("Item {sku}"))),
            ("stock".into(), i64::from(stock).into()),
            ("price".into(), Value::Table(price)),
        ]);
        let items = self.0.entry("item").or_insert_with(|| Value::Array(Vec::new()));
        items.as_array_mut().expect("items are an array").push(Value::Table(item));
        self
    }

    /// As the admin API takes it: the same shape, its items under `items`.
    pub(crate) fn to_json(&self) -> Json {
        let mut sale = serde_json::to_value(&self.0).expect("a table is JSON");
        let members = sale.as_object_mut().expect("a table is an object");
        let items = members.remove("item").unwrap_or_default();
        members.insert("items".into(), items);
        sale
    }
}

/// A configuration in the making.
#[derive(Debug, Clone)]
pub(crate) struct Plan(Table);

impl Plan {
    /// Buyers come with passes. No limits of rate; nobody has to work long.
    pub(crate) fn passes() -> Self {
        Self(Table::new())
            .set("server.trusted_proxies", r#"["127.0.0.1/32"]"#)
            .set("server.client_ip_header", r#""x-forwarded-for""#)
            .set("access.ip", "{ rate = 0, burst = 0 }")
            .set("access.buyer", "{ rate = 0, burst = 0 }")
            .set("access.sale", "{ rate = 0, burst = 0 }")
            .set("admin.token", &format!("\"{ADMIN_TOKEN}\""))
    }

    /// A gateway in front says who the buyers are and where they come from. No limits of rate.
    pub(crate) fn gateway() -> Self {
        Self::passes().set("identity.mode", r#""header""#).set("identity.header", r#""buyer-id""#)
    }

    /// Sets `section.key` (or deeper) to a value as TOML writes it.
    pub(crate) fn set(mut self, path: &str, value: &str) -> Self {
        let (parents, key) = path.rsplit_once('.').expect("a key in a section");
        let parsed: Table = toml::from_str(&format!("value = {value}")).expect("a TOML value");
        let mut table = &mut self.0;
        for parent in parents.split('.') {
            let section = table.entry(parent).or_insert_with(|| Value::Table(Table::new()));
            table = section.as_table_mut().expect("a section");
        }
        table.insert(key.into(), parsed["value"].clone());
        self
    }

    pub(crate) fn sale(mut self, sale: Sale) -> Self {
        let sales = self.0.entry("sale").or_insert_with(|| Value::Array(Vec::new()));
        sales.as_array_mut().expect("sales are an array").push(Value::Table(sale.0));
        self
    }

    /// Somebody on this machine who wants messages.
    pub(crate) fn webhook(self, url: &str) -> Self {
        let mut plan = self.set("webhooks.allow_private_targets", "true");
        let webhook = Table::from_iter([("url".into(), url.into()), ("secret".into(), WEBHOOK_SECRET.into())]);
        let webhooks = plan.0.entry("webhook").or_insert_with(|| Value::Array(Vec::new()));
        webhooks.as_array_mut().expect("webhooks are an array").push(Value::Table(webhook));
        plan
    }

    /// The file.
    pub(crate) fn text(&self) -> String {
        toml::to_string(&self.0).expect("a table is TOML")
    }
}
