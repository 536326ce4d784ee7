//! Who has the say: command line > environment > file > default, key by key.
//!
//! The default layer is the commented `config.toml` at the top of the repository, built in: it is also the list of keys
//! that there are, so no key can lack a default, a comment or its environment variable.
//!
//! **Invariant:** each effective value knows where it comes from.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::Value;

use super::error::{Complaint, ConfigErrors, Place};
use super::file::{self, Known, Setting, Settings, Typed, is_below};
use super::nearest::nearest;
use super::{DEFAULTS, Store};

/// What the name of each variable of ours begins with.
pub(super) const PREFIX: &str = "DOORBUSTER_";
/// Names the configuration file.
const FILE_VARIABLE: &str = "DOORBUSTER_CONFIG";
/// Where systemd wants a service's data (`StateDirectory=`); several are separated by colons.
const STATE_VARIABLE: &str = "STATE_DIRECTORY";
/// Looked for where nobody names a file.
const FILE: &str = "config.toml";

/// What the command line says; nothing where it doesn't.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--admin-listen`
    pub admin_listen: Option<SocketAddr>,
    /// `--data-dir`
    pub data_dir: Option<String>,
    /// `--ledger`
    pub ledger: Option<Store>,
}

/// The environment's variables.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl fmt::Debug for Environment {
    /// Without the values, some of which are secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// This process's own.
    #[must_use]
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// All layers as one.
pub(super) struct Layers {
    pub(super) typed: Typed,
    /// The file that was read, if any.
    pub(super) file: Option<PathBuf>,
}

/// # Errors
/// Where a file can't be read or isn't TOML; all else is left to `complaints`.
pub(super) fn merge(
    overrides: &Overrides,
    environment: &Environment,
    cwd: &Path,
    complaints: &mut Vec<Complaint>,
) -> Result<Layers, ConfigErrors> {
    let mut typed = defaults()?;
    // The list of keys, before anything is laid over it.
    let rows = typed.settings.rows.clone();
    let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();

    if let Some(directory) = environment.get(STATE_VARIABLE).and_then(OsStr::to_str) {
        let first = directory.split(':').next().unwrap_or(directory);
        put(&mut typed.settings, "ledger.data_dir", first.into(), Place::Variable(STATE_VARIABLE.into()));
    }
    let file = find(overrides, environment, cwd).map_err(ConfigErrors::of)?;
    if let Some((name, text)) = &file {
        lay_over(&mut typed, file::read(&name.display().to_string(), text, Known::Keys(&keys), complaints))?;
    }
    lay_variables(&mut typed, environment, &rows, cwd, complaints);
    flags(&mut typed.settings, overrides);
    Ok(Layers { typed, file: file.map(|(name, _)| name) })
}

/// Puts what variables say over what was said before; `rows` are all keys that there are.
pub(super) fn lay_variables(
    typed: &mut Typed,
    environment: &Environment,
    rows: &[Setting],
    cwd: &Path,
    complaints: &mut Vec<Complaint>,
) {
    let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    for (name, value) in &environment.0 {
        // A name that isn't UTF-8 is no variable of ours.
        if let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) {
            match variable(name, value, rows, &keys, cwd) {
                Ok(Some(setting)) => {
                    complaints.extend(said_twice(&setting, &typed.settings));
                    typed.settings.put(setting);
                }
                Ok(None) => {}
                Err(complaint) => complaints.push(complaint),
            }
        }
    }
}

fn lay_over(typed: &mut Typed, file: Result<Typed, Complaint>) -> Result<(), ConfigErrors> {
    let file = file.map_err(ConfigErrors::of)?;
    file.settings.rows.into_iter().for_each(|setting| typed.settings.put(setting));
    (typed.sales, typed.webhooks) = (file.sales, file.webhooks);
    Ok(())
}

/// These defaults, and a file of this text over them.
#[cfg(any(test, feature = "torture"))]
pub(super) fn of_text(mut typed: Typed, text: &str, complaints: &mut Vec<Complaint>) -> Result<Typed, ConfigErrors> {
    let rows = typed.settings.rows.clone();
    let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    lay_over(&mut typed, file::read(FILE, text, Known::Keys(&keys), complaints))?;
    Ok(typed)
}

pub(super) fn defaults() -> Result<Typed, ConfigErrors> {
    let mut typed = file::read(FILE, DEFAULTS, Known::Whatever, &mut Vec::new()).map_err(ConfigErrors::of)?;
    typed.settings.rows.iter_mut().for_each(|setting| setting.place = Place::Default);
    Ok(typed)
}

fn put(settings: &mut Settings, key: &str, value: String, place: Place) {
    settings.put(Setting { key: key.into(), value: Value::String(value), place });
}

fn flags(settings: &mut Settings, overrides: &Overrides) {
    let Overrides { config: _, listen, admin_listen, data_dir, ledger } = overrides;
    let said = [
        ("server.listen", "--listen", listen.map(|address| address.to_string())),
        ("server.admin_listen", "--admin-listen", admin_listen.map(|address| address.to_string())),
        ("ledger.data_dir", "--data-dir", data_dir.clone()),
        ("ledger.store", "--ledger", ledger.map(|store| store.word().into())),
    ];
    for (key, flag, value) in said {
        if let Some(value) = value {
            put(settings, key, value, Place::Flag(flag));
        }
    }
}

/// The configuration file's name and text. One that is named must be there; `./config.toml` need not.
fn find(overrides: &Overrides, environment: &Environment, cwd: &Path) -> Result<Option<(PathBuf, String)>, Complaint> {
    let named = overrides.config.clone().or_else(|| environment.get(FILE_VARIABLE).map(PathBuf::from));
    let name = named.clone().unwrap_or_else(|| FILE.into());
    match std::fs::read_to_string(cwd.join(&name)) {
        Ok(text) => Ok(Some((name, text))),
        Err(fault) if named.is_none() && fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(Complaint {
            place: Place::File(name.display().to_string()),
            key: String::new(),
            says: format!("the configuration file cannot be read: {fault}"),
        }),
    }
}

/// What a variable says. Nothing where it isn't of the form `DOORBUSTER_SECTION__KEY`: Kubernetes sets
/// `DOORBUSTER_PORT` and the like in every pod beside a service named doorbuster.
fn variable(
    name: &str,
    value: &OsStr,
    defaults: &[Setting],
    keys: &[&str],
    cwd: &Path,
) -> Result<Option<Setting>, Complaint> {
    let Some(rest) = name.strip_prefix(PREFIX).filter(|rest| rest.contains("__")) else { return Ok(None) };
    let path = rest.to_lowercase().replace("__", ".");
    let complain = |key: &str, says: String| Complaint { place: Place::Variable(name.into()), key: key.into(), says };
    let default_of = |path: &str| defaults.iter().find(|setting| setting.key == path);
    let text = || value.to_str().ok_or_else(|| complain("", "must be UTF-8".into()));

    if let Some(default) = default_of(&path) {
        let value = value_like(&default.value, text()?);
        return Ok(Some(Setting { key: path, value, place: Place::Variable(name.into()) }));
    }
    if let Some(default) = path.strip_suffix("_file").and_then(default_of) {
        let file = text()?;
        let read = std::fs::read_to_string(cwd.join(file));
        let read = read.map_err(|fault| complain(&default.key, format!("{file} cannot be read: {fault}")))?;
        let place = Place::VariableFile { variable: name.into(), file: file.into() };
        return Ok(Some(Setting { key: default.key.clone(), value: value_like(&default.value, read.trim()), place }));
    }
    if path == "sale" || is_below(&path, "sale") {
        return Err(complain("", "sales are declared in the configuration file, or made through the admin API".into()));
    }
    if path == "webhook" || is_below(&path, "webhook") {
        return Err(complain("", "webhooks are named in the configuration file".into()));
    }
    let near = nearest(&path, keys).map(|near| format!("; did you mean {}?", variable_of(near)));
    Err(complain("", format!("is no key's variable{}", near.unwrap_or_default())))
}

fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// A variable's text as a value of the kind that the key's default has; text that doesn't fit stays text, for the
/// reader to complain about.
fn value_like(default: &Value, text: &str) -> Value {
    match default {
        Value::Integer(_) | Value::Float(_) => {
            let digits = text.replace('_', "");
            let whole = digits.parse().map(Value::Integer);
            whole.or_else(|_| digits.parse().map(Value::Float)).unwrap_or_else(|_| Value::String(text.into()))
        }
        Value::Boolean(_) => text.parse().map_or_else(|_| Value::String(text.into()), Value::Boolean),
        Value::Array(_) => {
            let elements = text.split([',', ' ']).filter(|element| !element.is_empty());
            Value::Array(elements.map(|element| Value::String(element.into())).collect())
        }
        _ => Value::String(text.into()),
    }
}

/// A key whose variable and `_FILE` variable are both set: nobody could say which holds.
fn said_twice(setting: &Setting, settings: &Settings) -> Option<Complaint> {
    let plain = Place::Variable(variable_of(&setting.key));
    let both = matches!(setting.place, Place::VariableFile { .. })
        && settings.get(&setting.key).is_some_and(|earlier| earlier.place == plain);
    both.then(|| Complaint {
        place: setting.place.clone(),
        key: setting.key.clone(),
        says: format!("is also set by {plain}; keep one of the two"),
    })
}
