//! The variables of the environment. One that begins with `FORTHCOIN_` and is not known is an
//! error: a misspelt option must not be silently absent.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::entry::{Entry, Place};
use super::suggest::{hint, nearest};
use super::table::TABLE;

const PREFIX: &str = "FORTHCOIN_";

/// Variables of our scripts, image, tests and benches, which programs that they start inherit.
pub const OF_SCRIPTS: &[&str] = &[
    // scripts/backup.sh and ops.sh, the image's health check, the dashboard's data source.
    "FORTHCOIN_BACKUP_DAYS",
    "FORTHCOIN_BACKUP_GPG",
    "FORTHCOIN_BACKUP_MONTHS",
    "FORTHCOIN_BACKUP_TO",
    "FORTHCOIN_BACKUP_WALLETS",
    "FORTHCOIN_BACKUP_WEEKS",
    "FORTHCOIN_GRAFANA_PASSWORD",
    "FORTHCOIN_HEALTH_NETWORK",
    "FORTHCOIN_HOOKS",
    "FORTHCOIN_LOOK_EVERY",
    // Tests, fuzzing and benches.
    "FORTHCOIN_BATCH_CASES",
    "FORTHCOIN_BATCH_LONG",
    "FORTHCOIN_BATCH_PLANTED",
    "FORTHCOIN_BATCH_POINTS",
    "FORTHCOIN_BATCH_SEED",
    "FORTHCOIN_BINARY",
    "FORTHCOIN_BLESS",
    "FORTHCOIN_CHURN",
    "FORTHCOIN_DATABASE_AWAY",
    "FORTHCOIN_FIRST_TREE",
    "FORTHCOIN_FLIPS",
    "FORTHCOIN_FUZZ_SECONDS",
    "FORTHCOIN_KERNEL_CASES",
    "FORTHCOIN_KERNEL_PYTHON",
    "FORTHCOIN_KILLS",
    "FORTHCOIN_MINED_BLOCKS",
    "FORTHCOIN_PAIRS",
    "FORTHCOIN_SEED",
    "FORTHCOIN_SIM_SEEDS",
    "FORTHCOIN_TREES",
    "FORTHCOIN_VECTORS",
    "FORTHCOIN_WORST_CASES",
];

/// What the environment says to this program.
#[derive(Default)]
pub struct Environment {
    /// Places in the table, with the values that are not empty.
    pub given: Vec<(usize, OsString)>,
    data_home: Option<OsString>,
    home: Option<OsString>,
}

impl Environment {
    /// Takes what is ours of all variables.
    pub fn read(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Environment, String> {
        let mut found = Environment::default();
        for (name, value) in variables {
            let bytes = name.as_bytes();
            if bytes.starts_with(PREFIX.as_bytes()) {
                let place = place_of(&name)?;
                if let Some(place) = place.filter(|_| !value.is_empty()) {
                    found.given.push((place, value));
                }
            } else if bytes == b"HOME" {
                found.home = Some(value);
            } else if bytes == b"XDG_DATA_HOME" {
                found.data_home = Some(value);
            }
        }
        Ok(found)
    }

    /// Where data goes when nobody says: `$XDG_DATA_HOME/forthcoin`, else `~/.forthcoin`, else
    /// here.
    pub fn default_data_root(&self) -> PathBuf {
        let named = |value: &Option<OsString>| value.clone().filter(|value| !value.is_empty());
        match (named(&self.data_home), named(&self.home)) {
            (Some(data), _) => Path::new(&data).join("forthcoin"),
            (None, Some(home)) => Path::new(&home).join(".forthcoin"),
            (None, None) => PathBuf::from(".forthcoin"),
        }
    }
}

/// The option's place in the table; `None` for a variable of a script.
fn place_of(name: &OsStr) -> Result<Option<usize>, String> {
    let text = name.to_string_lossy();
    let place = TABLE.iter().position(|entry| is_variable_of(entry, name.as_bytes()));
    match place.map(|place| (place, TABLE[place].place)) {
        Some((_, Place::CommandLine)) => Err(format!(
            "{text} is no variable of this program: it is an option of the command line alone"
        )),
        Some((place, _)) => Ok(Some(place)),
        None if OF_SCRIPTS.contains(&&*text) => Ok(None),
        None => {
            let known: Vec<String> = TABLE
                .iter()
                .filter(|entry| entry.place != Place::CommandLine)
                .map(Entry::variable)
                .collect();
            let wanted = text.strip_prefix(PREFIX).unwrap_or_default();
            let names = known.iter().filter_map(|name| name.strip_prefix(PREFIX));
            let near = nearest(wanted, names).map(|near| format!("{PREFIX}{near}"));
            Err(format!(
                "{text} is no variable of this program{}",
                match &near {
                    Some(near) => hint(Some(near)),
                    None => ": `forthcoin --help` lists the options".to_owned(),
                }
            ))
        }
    }
}

/// As `entry.variable()`, without making it.
fn is_variable_of(entry: &Entry, variable: &[u8]) -> bool {
    let Some(name) = variable.strip_prefix(PREFIX.as_bytes()) else { return false };
    let upper = entry.name.bytes().map(|b| if b == b'-' { b'_' } else { b.to_ascii_uppercase() });
    upper.eq(name.iter().copied())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, String> {
        Environment::read(variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn data_folders() {
        let root = |variables: &[(&str, &str)]| read(variables).map(|env| env.default_data_root());
        assert_eq!(root(&[("HOME", "/home/op")]), Ok("/home/op/.forthcoin".into()));
        let both = [("HOME", "/home/op"), ("XDG_DATA_HOME", "/data")];
        assert_eq!(root(&both), Ok("/data/forthcoin".into()));
        assert_eq!(root(&[("HOME", "")]), Ok(".forthcoin".into()));
        let latin: OsString = OsString::from_vec(b"/home/\xe9".to_vec());
        let read = Environment::read([("HOME".into(), latin.clone())]).expect("read");
        assert_eq!(read.default_data_root(), Path::new(&latin).join(".forthcoin"));
    }

    #[test]
    fn every_variable_is_found() {
        for (place, entry) in TABLE.iter().enumerate() {
            let found = read(&[(&entry.variable(), "x")]).map(|env| env.given);
            match entry.place {
                Place::CommandLine => assert!(found.is_err(), "{}", entry.name),
                _ => assert_eq!(found, Ok(vec![(place, "x".into())]), "{}", entry.name),
            }
        }
        assert!(read(&[("FORTHCOIN_JSON", "")]).is_ok_and(|env| env.given.is_empty()));
    }
}
