//! The server that is measured: one of our own, or somebody else's.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tempfile::TempDir;

use super::crowd::{Behaviour, Crowd};
use super::request::Identity;
use super::told::{Ending, Told};
use super::{HttpTerms, Proof, SALE, SKU};
use crate::client::{Passes, Secret};
use crate::clock::Clock;
use crate::files;
use crate::ids::{BuyerRef, SaleId};
use crate::rig::child::{Child, Layout};
use crate::rig::judge::{Expected, Verdict, judge};

/// The header that says who somebody is, where a gateway does.
const BUYER_HEADER: &str = "buyer-id";
/// From the server's start to the bell: for all clients to be connected.
const UNTIL_BELL: Duration = Duration::from_secs(3);
/// After the sale's opening instant by the wall clock, so that nobody is too early by a clock's grain.
const AFTER_OPENING: Duration = Duration::from_millis(20);
/// Longer than any run.
const PASS_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// The server that is measured.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) child: Option<Child>,
    pub(super) shop: SocketAddr,
    /// When its doors open.
    pub(super) bell: Option<Instant>,
    data_dir: Option<PathBuf>,
    _dir: Option<TempDir>,
}

impl Server {
    pub(super) fn open(terms: &HttpTerms) -> anyhow::Result<Self> {
        // Each connection of ours is a file. Where ten thousand aren't allowed, connecting says so.
        let _ = files::raise_limit();
        if let Some(target) = &terms.target {
            let data_dir = terms.data_dir.clone();
            return Ok(Self { child: None, shop: target.shop, bell: None, data_dir, _dir: None });
        }
        let place = terms.data_dir.clone().unwrap_or_else(|| PathBuf::from("."));
        let dir = tempfile::Builder::new().prefix("doorbuster-bench-").tempdir_in(&place);
        let dir = dir.with_context(|| format!("{} can't be written", place.display()))?;
        let path = std::path::absolute(dir.path())?;
        let opening = (terms.crowd == Behaviour::Bell).then(|| Clock::system().now().wall.after(UNTIL_BELL));
        let bell = opening.map(|_| Instant::now() + UNTIL_BELL + AFTER_OPENING);
        let identity = match terms.proof {
            Proof::Header => format!("[identity]\nmode = \"header\"\nheader = \"{BUYER_HEADER}\"\n"),
            Proof::Pass => String::new(),
        };
        let layout = Layout {
            sale: SALE,
            sku: SKU,
            stock: terms.stock,
            limit_per_buyer: terms.limit_per_buyer,
            opens_at: opening,
            hold: None,
            server: format!("threads = {}\n", terms.server_threads),
            sections: format!("ack = \"{}\"\n{identity}", terms.ack.word()),
        };
        let child = Child::start(&path, &layout)?;
        let data_dir = Some(Child::data(&path));
        Ok(Self { shop: child.shop()?, child: Some(child), bell, data_dir, _dir: Some(dir) })
    }

    /// How buyers show who they are.
    pub(super) fn identity(&self, terms: &HttpTerms, crowd: Crowd) -> anyhow::Result<Identity> {
        match (terms.proof, &self.data_dir) {
            (Proof::Header, _) => Ok(Identity::Header(BUYER_HEADER.into())),
            (Proof::Pass, Some(data_dir)) => Ok(Identity::Passes(passes(data_dir, terms.sale(), crowd)?)),
            (Proof::Pass, None) => anyhow::bail!("passes of another server take its key: name its --data-dir"),
        }
    }

    /// Ends it where it is ours, and judges its ledger where that can be read.
    pub(super) fn close(&mut self, terms: &HttpTerms, told: &Told) -> anyhow::Result<Option<Verdict>> {
        if let Some(child) = &mut self.child {
            child.stop()?;
        }
        let Some(data_dir) = &self.data_dir else { return Ok(None) };
        // What a running server sold before we came isn't known to be unsold.
        let expected = Expected {
            limit_per_buyer: terms.limit_per_buyer,
            refused_units: told.count(Ending::SoldOut) * u64::from(terms.quantity),
        };
        judge(data_dir, &told.acks, expected).map(Some)
    }
}

/// Everybody's pass, signed with the server's own key.
fn passes(data_dir: &Path, sale: &str, crowd: Crowd) -> anyhow::Result<Vec<String>> {
    let passes = Passes::new(&Secret::load(data_dir)?);
    let sale = SaleId::parse(sale)?;
    let expires_at = Clock::system().now().wall.after(PASS_TTL);
    let mint = |buyer| {
        let name = format!("b-{buyer}");
        Ok(passes.mint(&sale, BuyerRef::parse(name.as_bytes())?, expires_at).token)
    };
    (0..crowd.numbers()).map(mint).collect()
}
