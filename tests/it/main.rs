//! The shop seen from outside: the real binary, a real socket, a real disk, and the contract's words.
//!
//! One binary for all of them, so that it links once. Each test opens a shop of its own in a directory of its own, so
//! they run side by side. Nothing here knows the program's inside (but [`power`], which opens ledgers as the program
//! does), and the HTTP client is written by hand, so that it can say what no library would.
//!
//! **Invariant:** a test never passes by luck nor fails by slowness: what has to happen is waited for (up to
//! [`wire::PATIENCE`]), and what must not happen is counted.

mod browser;
mod chromium;
mod closing;
mod connections;
mod contract;
mod cross_site;
mod crowds;
mod damage;
mod dashboard;
mod dashboard_browser;
mod demo;
mod disk_faults;
mod framing;
mod home;
mod hostile;
mod keys;
mod kills;
mod life;
mod lifecycle;
mod log_lines;
mod measuring;
mod orders;
mod passes;
mod payments;
mod people;
mod pg_proxy;
mod pg_server;
mod pg_tls;
mod pictures;
mod plan;
mod postgres;
mod postgres_faults;
mod power;
mod precedence;
mod proxies;
mod receiver;
mod refusals;
mod relay;
mod session;
mod shop;
mod slow;
mod stall;
mod stampede;
mod starts;
mod storefront;
mod tls;
mod unread;
mod vectors;
mod webhooks;
mod wire;
