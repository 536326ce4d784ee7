//! `healthcheck`: is the shop alive? For container images, which have no curl.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::cli::HealthcheckArgs;
use crate::config::{Config, Environment};

/// For connecting, sending and receiving, each: a shop that is alive needs milliseconds.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Enough for `HTTP/1.1 200`.
const STATUS_BYTES: usize = 12;

/// Asks for `/healthz`.
///
/// # Errors
/// Where there is no answer within [`TIMEOUT`], or another one than 200.
pub fn run(args: &HealthcheckArgs, environment: &Environment, cwd: &Path) -> anyhow::Result<()> {
    let url = match &args.url {
        Some(url) => url.clone(),
        None => {
            let listen = Config::load(&args.overrides(), environment, cwd)?.config.server.listen;
            if listen.port() == 0 {
                bail!("server.listen has port 0: name the address with --url");
            }
            format!("http://{}", reachable(listen))
        }
    };
    let rest = url.strip_prefix("http://").with_context(|| format!("{url}: must begin with http://"))?;
    let (host, path) = rest.find('/').map_or((rest, "/healthz"), |slash| rest.split_at(slash));
    let path = if path == "/" { "/healthz" } else { path };
    let status = ask(host, path).with_context(|| format!("http://{host}{path}"))?;
    if status != "200" {
        bail!("http://{host}{path}: status {status}");
    }
    Ok(())
}

/// Where to reach a listener on all addresses: at the loopback one.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The answer's status.
fn ask(host: &str, path: &str) -> anyhow::Result<String> {
    // A bare host means HTTP's own port.
    let addresses = host.to_socket_addrs().or_else(|_| (host, 80).to_socket_addrs())?;
    let mut outcome = Err(anyhow::anyhow!("has no address"));
    for address in addresses {
        outcome = TcpStream::connect_timeout(&address, TIMEOUT).map_err(anyhow::Error::from);
        if outcome.is_ok() {
            break;
        }
    }
    let mut stream = outcome?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut head = [0; STATUS_BYTES];
    stream.read_exact(&mut head).context("no answer")?;
    let status = std::str::from_utf8(&head).ok().and_then(|head| head.strip_prefix("HTTP/1.1 "));
    Ok(status.context("not an HTTP/1.1 answer")?.to_owned())
}
