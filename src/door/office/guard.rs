//! Who may come into the office: the bearer token, or a session after the password or the token.
//!
//! Where neither is configured the office listens on loopback only (configuration sees to that), and everybody on the
//! machine may come in; a web page in somebody's browser on that machine may not: its requests carry another host's name.
//!
//! **Invariant:** secrets are compared by their digests, in constant time. Wrong passwords are limited in number, and at
//! most one is hashed at a time, whether or not those who sent them wait for the answer.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::change::parse;
use super::problem::Problem;
use super::{Here, Office};
use crate::clock::MonoTime;
use crate::door::extract::Whole;
use crate::door::host::is_host;
use crate::door::identity;

/// How long a session lasts without being used.
const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);
/// Sessions at once; the one that was idle longest makes room.
const SESSIONS_MAX: usize = 64;
/// Longest password that is looked at: beyond any that people have.
const PASSWORD_BYTES_MAX: usize = 1024;
/// Wrong passwords per minute, from everybody together: a person mistypes, a machine guesses.
const WRONG_PASSWORDS_PER_MINUTE: usize = 10;

const COOKIE: &str = "doorbuster-session";

type Secret = [u8; 32];

fn digest(secret: &[u8]) -> Secret {
    Sha256::digest(secret).into()
}

struct Session {
    id: Secret,
    used_at: MonoTime,
}

/// As whom somebody comes in.
enum Known<'a> {
    /// As anybody on this machine, where nobody has to say who he is.
    Neighbour,
    Token,
    /// With the session of this id.
    Session(&'a [u8]),
}

/// Who may come in.
pub struct Credentials {
    token: Option<Secret>,
    password_hash: Option<String>,
    sessions: Mutex<Vec<Session>>,
    wrong_passwords: Mutex<Vec<MonoTime>>,
    hashing: Arc<Semaphore>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// A token, a password's hash (a PHC string of Argon2), both or neither.
    #[must_use]
    pub fn new(token: Option<&str>, password_hash: Option<&str>) -> Self {
        Self {
            token: token.map(|token| digest(token.as_bytes())),
            password_hash: password_hash.map(str::to_owned),
            sessions: Mutex::default(),
            wrong_passwords: Mutex::default(),
            hashing: Arc::new(Semaphore::new(1)),
        }
    }

    fn is_open(&self) -> bool {
        self.token.is_none() && self.password_hash.is_none()
    }

    fn recognize<'a>(&self, headers: &'a HeaderMap, now: MonoTime) -> Option<Known<'a>> {
        if self.is_open() {
            return names_this_machine(headers).then_some(Known::Neighbour);
        }
        if identity::bearer(headers).is_some_and(|bearer| self.is_token(bearer)) {
            return Some(Known::Token);
        }
        session_of(headers).filter(|id| self.touch(&digest(id), now)).map(Known::Session)
    }

    /// Whether that is the token; the work is the same wherever it is wrong (`benches/instructions` counts it).
    #[must_use]
    pub fn is_token(&self, secret: &[u8]) -> bool {
        self.token.as_ref().is_some_and(|token| token.ct_eq(&digest(secret)).into())
    }

    fn touch(&self, id: &Secret, now: MonoTime) -> bool {
        let mut sessions = self.sessions.lock();
        sessions.retain(|session| !is_over(session, now));
        let session = sessions.iter_mut().find(|session| bool::from(session.id.ct_eq(id)));
        session.map(|session| session.used_at = now).is_some()
    }

    fn begin_session(&self, now: MonoTime) -> Result<String, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut sessions = self.sessions.lock();
        sessions.retain(|session| !is_over(session, now));
        if sessions.len() >= SESSIONS_MAX {
            let idlest = sessions.iter().enumerate().min_by_key(|(_, session)| session.used_at).map(|(index, _)| index);
            idlest.map(|index| sessions.swap_remove(index));
        }
        sessions.push(Session { id: digest(id.as_bytes()), used_at: now });
        Ok(id)
    }

    /// Counts a try as wrong before anybody knows: whoever hangs up, or comes over many connections at once, has no
    /// further one for it.
    fn begin_try(&self, now: MonoTime) -> Result<(), Problem> {
        let mut wrong = self.wrong_passwords.lock();
        wrong.retain(|at| now.nanos().saturating_sub(at.nanos()) < 60_000_000_000);
        if wrong.len() >= WRONG_PASSWORDS_PER_MINUTE {
            return Err(Problem::TooManyTries);
        }
        wrong.push(now);
        Ok(())
    }

    /// The password that was tried at that time was right.
    fn forgive_try(&self, began: MonoTime) {
        let mut wrong = self.wrong_passwords.lock();
        if let Some(index) = wrong.iter().position(|at| *at == began) {
            wrong.swap_remove(index);
        }
    }
}

fn is_over(session: &Session, now: MonoTime) -> bool {
    u128::from(now.nanos().saturating_sub(session.used_at.nanos())) > SESSION_IDLE.as_nanos()
}

fn session_of(headers: &HeaderMap) -> Option<&[u8]> {
    let cookies = headers.get_all(header::COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    cookies.filter_map(|cookie| cookie.trim_ascii().strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"=")).next()
}

/// Lets those in who may come in.
pub(super) async fn admit(State(office): Here, request: Request, next: Next) -> Response {
    let known = office.credentials.recognize(request.headers(), office.clock.now().mono);
    let renewed = match known {
        None => return Problem::Unauthorized.into_response(),
        Some(Known::Neighbour | Known::Token) => None,
        // A session lasts while it is used, in the browser as well as here.
        Some(Known::Session(id)) => std::str::from_utf8(id).ok().and_then(|id| cookie(id, SESSION_IDLE).ok()),
    };
    let mut response = next.run(request).await;
    if let Some(cookie) = renewed {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A page of another site that has its name point to 127.0.0.1 still sends its own name.
pub(in crate::door) fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).filter(|host| is_host(host.as_bytes()));
    let Some(host) = host.and_then(|host| host.to_str().ok()) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || literal.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Whether whoever asks may come in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(in crate::door) struct SessionView {
    state: SessionState,
}

/// How whoever asks stands to the office.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::door) enum SessionState {
    /// Nobody on this machine has to say who he is.
    Open,
    /// His session or token is good.
    In,
    /// He has to log in.
    Out,
}

/// Says whether somebody has to log in, so that a page needn't be refused to find out.
pub(super) async fn session(State(office): Here, headers: HeaderMap) -> Response {
    let state = match office.credentials.recognize(&headers, office.clock.now().mono) {
        Some(Known::Neighbour) => SessionState::Open,
        Some(Known::Token | Known::Session(_)) => SessionState::In,
        None => SessionState::Out,
    };
    ([(header::CACHE_CONTROL, "no-store")], axum::Json(SessionView { state })).into_response()
}

/// What somebody knows who may come in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::door) struct LogIn {
    /// The office's password, or its token: a browser should keep neither.
    password: String,
}

/// Begins a session for whoever knows the password or the token.
pub(super) async fn log_in(State(office): Here, headers: HeaderMap, Whole(bytes): Whole) -> Result<Response, Problem> {
    let LogIn { password } = parse(&headers, &bytes)?;
    let now = office.clock.now().mono;
    office.credentials.begin_try(now)?;
    if password.len() > PASSWORD_BYTES_MAX || !is_password(&office, password).await? {
        return Err(Problem::Unauthorized);
    }
    office.credentials.forgive_try(now);
    let id = office.credentials.begin_session(now).map_err(|error| {
        tracing::error!(%error, "the machine gave no randomness");
        Problem::Internal
    })?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(&id, SESSION_IDLE)?)]).into_response())
}

async fn is_password(office: &Arc<Office>, password: String) -> Result<bool, Problem> {
    if office.credentials.is_token(password.as_bytes()) {
        return Ok(true);
    }
    let Some(hash) = office.credentials.password_hash.clone() else { return Ok(false) };
    // One at a time: a hash takes megabytes and tens of milliseconds on purpose. The turn lasts as long as the hash, which
    // goes on when whoever asked has gone.
    let turn = Arc::clone(&office.credentials.hashing).acquire_owned().await.map_err(|_| Problem::Internal)?;
    let verified = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let hash = PasswordHash::new(&hash)?;
        Argon2::default().verify_password(password.as_bytes(), &hash)
    });
    Ok(verified.await.map_err(|_| Problem::Internal)?.is_ok())
}

/// Ends the session that asks for it.
pub(super) async fn log_out(State(office): Here, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(id) = session_of(&headers).map(digest) {
        office.credentials.sessions.lock().retain(|session| !bool::from(session.id.ct_eq(&id)));
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie("", Duration::ZERO)?)]).into_response())
}

fn cookie(id: &str, max_age: Duration) -> Result<HeaderValue, Problem> {
    let text = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", max_age.as_secs());
    HeaderValue::from_str(&text).map_err(|_| Problem::Internal)
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;
