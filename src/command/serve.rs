//! `serve`: opens the house from the bottom up, keeps it, and closes it from the top down.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Exit;
use super::emptied::refuse_an_emptied_ledger;
use super::logging::Logging;
use super::signals::{Heard, Signals, outlive_full_files};
use super::{lookout, wiring};
use crate::access::Access;
use crate::cashier::Cashier;
use crate::cli::ServeArgs;
use crate::client::{Client, Secret};
use crate::clock::Clock;
use crate::config::{Config, Environment};
use crate::door::{self, Office, Shop, Workers};
use crate::files;
use crate::funnel::Funnel;
use crate::holds;
use crate::keeper::{Keeper, Unchanged};
use crate::ledger::{Breakage, LedgerFault, LedgerState, OpenLedger};
use crate::messages::Courier;
use crate::offer::Offer;
use crate::postgres::Shipper;
use crate::readiness::Readiness;

/// How long answers that say "unknown" may take to leave, once the ledger is broken: nothing is worth waiting for then.
const BROKEN_GRACE: Duration = Duration::from_secs(1);

/// Runs the shop until a signal or a broken ledger ends it.
///
/// # Errors
/// Where the house can't be opened: configuration, data directory, ledger, sockets.
pub fn run(args: &ServeArgs) -> Result<Exit, anyhow::Error> {
    let cwd = std::env::current_dir().context("the working directory can't be read")?;
    let load = || Config::load(&args.overrides(), &Environment::of_process(), &cwd);
    let config = load()?.config;
    let logging = Logging::begin(config.server.log.compile()?)?;
    // Before there is a thread: all of them see what is armed.
    #[cfg(feature = "torture")]
    crate::failpoint::arm_from_environment(&[config.server.listen.ip(), config.server.admin_listen.ip()])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let exit = runtime.block_on(async {
        outlive_full_files()?;
        let house = House::open(config).await?;
        let reload = || load().map(|loaded| loaded.config).map_err(|errors| errors.to_string());
        house.keep(reload, &logging, args.until_stdin_ends).await
    });
    // Whatever still works on a thread of its own (an audit, say) has lost whom it works for: nobody waits for it.
    runtime.shutdown_background();
    exit
}

/// The house, open.
struct House {
    config: Config,
    clock: Clock,
    funnel: Arc<Funnel>,
    keeper: Arc<Keeper>,
    cashier: Arc<Cashier>,
    courier: Arc<Courier>,
    /// None where nothing is shipped.
    shipper: Option<Arc<Shipper>>,
    readiness: Arc<Readiness>,
    shop: Arc<Shop>,
    workers: Workers,
    shop_socket: TcpListener,
    office_socket: TcpListener,
    /// Turns true when the ledger can't be believed any more.
    broken: watch::Receiver<bool>,
}

impl House {
    /// From the bottom up: ledger, floors, sales, workers. The sockets are bound once the data directory is ours, and
    /// accept when everything behind them stands.
    async fn open(config: Config) -> Result<Self, anyhow::Error> {
        let clock = Clock::system();
        wiring::ledger_dir(&config).map_or(Ok(()), |dir| refuse_an_emptied_ledger(&dir))?;
        let ledger = OpenLedger::open(wiring::ledger(&config), clock.clone())?;
        let (shop_socket, office_socket) = (bind(config.server.listen)?, bind(config.server.admin_listen)?);
        let data_dir = &config.ledger.data_dir;
        // The key lies there even where no ledger has made the directory: `pass issue` reads it.
        std::fs::create_dir_all(data_dir).with_context(|| format!("can't make {}", data_dir.display()))?;
        let secret = Secret::load_or_create(data_dir)?;
        let client = Client::new(&secret, wiring::client(&config));
        let access = Access::new(&wiring::access(&config));
        let (tell_broken, broken) = watch::channel(false);
        let on_broken = Box::new(move |why: &str| {
            tracing::error!(why, "the ledger can't be trusted any more: closing");
            tell_broken.send_replace(true);
        });
        let mut funnel = Funnel::build(ledger, (client, access), wiring::ack(&config), on_broken)?;
        funnel.cool_down = config.orders.cool_down;
        let funnel = Arc::new(funnel);
        let cashier = Arc::new(Cashier::open(Arc::clone(&funnel), wiring::rules(&config), clock.now().wall));
        let keeper = Arc::new(Keeper::new(Arc::clone(&funnel), clock.clone()));
        let courier = Courier::start(Arc::clone(&funnel), clock.clone(), wiring::ledger_dir(&config))?;
        // Before anything happens: whoever is new hears of all of it.
        courier.serve(wiring::endpoints(&config)?).await?;
        let courier = Arc::new(courier);
        let shipper = wiring::shipper(&config, &funnel, &clock)?;
        let declared = declare(&keeper, &funnel, &config.offers).await;
        // What broke there is what stopped it.
        declared.map_err(|error| breakage(&funnel).map_or(error, |broken| LedgerFault::Broken(broken).into()))?;
        let readiness = Arc::new(Readiness::default());
        let shop = Arc::new(wiring::shop(
            &config,
            (Arc::clone(&funnel), Arc::clone(&cashier)),
            clock.clone(),
            Arc::clone(&readiness),
        )?);
        let workers = Workers::start(&shop, wiring::caps(&config, files::raise_limit()))?;
        Ok(Self {
            config,
            clock,
            funnel,
            keeper,
            cashier,
            courier,
            shipper,
            readiness,
            shop,
            workers,
            shop_socket,
            office_socket,
            broken,
        })
    }

    /// Until a signal or a broken ledger; then closes, unless a second signal ends that too.
    async fn keep(
        mut self,
        reload: impl Fn() -> Result<Config, String>,
        logging: &Logging,
        until_stdin_ends: bool,
    ) -> Result<Exit, anyhow::Error> {
        let mut signals = Signals::new(until_stdin_ends)?;
        announce(self.shop_socket.local_addr()?, self.office_socket.local_addr()?)?;
        let office = door::office_routes(Arc::new(self.office(logging)));
        let (leave_within, leaving) = watch::channel(None);
        let (fell, mut falling) = watch::channel(false);
        let heed = async {
            let ended = loop {
                tokio::select! {
                    heard = signals.next() => match heard {
                        Heard::Reload => {
                            let house = (&*self.shop, &*self.funnel, &self.courier);
                            apply(&mut self.config, house, reload(), logging);
                        }
                        Heard::End(ending) => break Some(ending),
                    },
                    _ = self.broken.wait_for(|broken| *broken) => break None,
                    _ = falling.wait_for(|fell| *fell) => break None,
                }
            };
            self.readiness.leave();
            let grace = if ended.is_some() { self.config.server.drain_timeout } else { BROKEN_GRACE };
            leave_within.send_replace(Some(grace));
            signals.end().await
        };
        let work = async {
            let schedule = tokio::spawn({
                let keeper = Arc::clone(&self.keeper);
                lookout::watched("the schedule", async move { keeper.keep_schedule().await }, fell.clone())
            });
            let ending_holds = tokio::spawn({
                let (cashier, clock) = (Arc::clone(&self.cashier), self.clock.clone());
                lookout::watched("the holds' ends", async move { holds::keep(&cashier, &clock).await }, fell.clone())
            });
            let shop = Arc::clone(&self.shop);
            tokio::spawn(lookout::begun_again("the streams", move || door::tell_streams(Arc::clone(&shop))));
            let (close_office, closing_office) = watch::channel(None);
            let closing = async move {
                said(closing_office).await;
            };
            let office = door::serve_office(self.office_socket, office, self.shop.deadlines, closing);
            let office = tokio::spawn(lookout::watched("the office", office, fell.clone()));
            let dealing = self.workers.serve(self.shop_socket, async { said(leaving).await.unwrap_or_default() });
            if let Err(fault) = dealing.await {
                tracing::error!(%fault, "closing");
                fell.send_replace(true);
            }
            close_office.send_replace(Some(()));
            schedule.abort();
            ending_holds.abort();
            // Streams of the dashboard end by themselves; nothing else there is worth a wait.
            let _ = tokio::time::timeout(BROKEN_GRACE, office).await;
            let (funnel, courier, shipper) =
                (Arc::clone(&self.funnel), Arc::clone(&self.courier), self.shipper.clone());
            tokio::task::spawn_blocking(move || {
                // First: what he has delivered is written down.
                courier.leave();
                funnel.ledger.close();
                // Last: all that there will ever be is in the ledger.
                if let Some(shipper) = shipper {
                    shipper.leave();
                }
            })
            .await
        };
        tokio::select! {
            closed = work => closed?,
            second = heed => return Ok(Exit(second.exit_code())),
        }
        let otherwise = if *fell.borrow() { Exit::FAILURE } else { Exit::OK };
        Ok(breakage(&self.funnel).map_or(otherwise, |breakage| Exit(breakage.exit_code())))
    }

    fn office(&self, logging: &Logging) -> Office {
        wiring::office(
            (&self.config, logging),
            (Arc::clone(&self.funnel), Arc::clone(&self.keeper), Arc::clone(&self.cashier), Arc::clone(&self.courier)),
            self.clock.clone(),
            Arc::clone(&self.readiness),
            self.shipper.clone(),
        )
    }
}

/// What has broken the ledger; none where it is well.
fn breakage(funnel: &Funnel) -> Option<Breakage> {
    match funnel.ledger.health().state {
        LedgerState::Broken(breakage) => Some(breakage),
        LedgerState::Writing | LedgerState::Refusing { .. } => None,
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, anyhow::Error> {
    door::bind(address).with_context(|| format!("can't listen on {address}"))
}

/// What is said, once it is; none: whoever would say it is gone.
async fn said<T: Copy>(mut saying: watch::Receiver<Option<T>>) -> Option<T> {
    saying.wait_for(Option::is_some).await.ok().and_then(|said| *said)
}

#[expect(clippy::print_stdout, reason = "the one line that the contract promises")]
fn announce(shop: SocketAddr, office: SocketAddr) -> Result<(), anyhow::Error> {
    println!("{}", serde_json::json!({ "listening": format!("http://{shop}"), "admin": format!("http://{office}") }));
    std::io::stdout().flush()?;
    tracing::info!(%shop, %office, "the shop is open");
    Ok(())
}

/// Creates the declared sales that the ledger doesn't know yet; where nobody names any, the sample.
async fn declare(keeper: &Keeper, funnel: &Funnel, offers: &[Offer]) -> Result<(), anyhow::Error> {
    let is_new_shop = offers.is_empty() && funnel.sales.sales().next().is_none();
    let sample = is_new_shop.then(wiring::sample_offer).transpose()?;
    for offer in offers.iter().chain(&sample) {
        match funnel.sales.find_sale(offer.sale.id.as_str()) {
            Some(sale) => wiring::warn_of_differences(offer, sale, funnel),
            None => keeper.create(offer.clone()).await.map_err(|unchanged: Unchanged| {
                anyhow::anyhow!("sale {} could not be created: {unchanged:?}", offer.sale.id)
            })?,
        }
    }
    keeper.open_and_end_what_is_due().await;
    Ok(())
}

/// Takes over what may change while the house is open; all of it, or nothing.
fn apply(
    config: &mut Config,
    (shop, funnel, courier): (&Shop, &Funnel, &Arc<Courier>),
    reloaded: Result<Config, String>,
    logging: &Logging,
) {
    let applied = reloaded.and_then(|new| {
        let prepared = wiring::Reload::prepare(&new).map_err(|error| format!("{error:#}"))?;
        logging.filter.reload(prepared.log).map_err(|error| error.to_string())?;
        funnel.client.retune(prepared.client);
        funnel.access.retune(&prepared.access);
        shop.limits.store(Arc::new(prepared.limits));
        let storefront = prepared.storefront.after(&shop.storefront.load());
        shop.storefront.store(Arc::new(storefront));
        if config.webhooks != new.webhooks {
            let (courier, endpoints) = (Arc::clone(courier), prepared.endpoints);
            tokio::spawn(async move {
                if let Err(fault) = courier.serve(endpoints).await {
                    tracing::error!(%fault, "the webhooks are not served yet: it is tried again");
                }
            });
        }
        Ok(new)
    });
    match applied {
        Ok(new) => {
            let keys = config.needs_restart(&new);
            if !keys.is_empty() {
                tracing::warn!(?keys, "changed, and takes effect at the next start only");
            }
            *config = new;
            tracing::info!("configuration reloaded");
        }
        Err(error) => tracing::error!(error, "configuration not reloaded: everything stays as it was"),
    }
}
