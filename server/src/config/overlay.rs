//! Variables of the environment put and flags put over the values of the file.

use toml::{Table, Value};

use crate::config::ConfigError;

const PREFIX: &str = "KUMI_";
/// The sections, as variables name them; the first is that of flags which name none.
const SECTIONS: [&str; 3] = ["SCHEDULER__", "TLS__", "POOL__"];

/// The variables that name keys of a section and their values, in order of name, then the
/// flags as if they were variables: whoever puts them in this order lets flags win.
///
/// `KUMI_SCHEDULER__PEERS__2=host:port` reaches into a map, as the flag `peers.2` does; the flag `tls.key` is
/// `KUMI_TLS__KEY`.
pub(super) fn overlay(
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[(&str, String)],
) -> Vec<(String, Value)> {
    let mut found: Vec<_> = environment
        .into_iter()
        .filter(|(name, _)| {
            let key = name.strip_prefix(PREFIX);
            key.is_some_and(|key| SECTIONS.iter().any(|section| key.starts_with(section)))
        })
        .map(|(name, text)| (name, value_of(&text)))
        .collect();
    found.sort_by(|left, right| left.0.cmp(&right.0));
    let flags = flags.iter().map(|(key, text)| {
        let name = key.replace('.', "__").to_uppercase();
        let named = SECTIONS.iter().any(|section| name.starts_with(section));
        let section = if named { "" } else { SECTIONS[0] };
        (format!("{PREFIX}{section}{name}"), value_of(text))
    });
    found.extend(flags);
    found
}

/// Sets the value that `variable` names.
pub(super) fn put(table: &mut Table, variable: &str, value: Value) -> Result<(), ConfigError> {
    let unknown = || ConfigError::Variable {
        variable: variable.to_owned(),
    };
    let path = variable.strip_prefix(PREFIX).ok_or_else(unknown)?;
    let mut keys = path.split("__").map(str::to_lowercase).peekable();
    let named = keys.next().ok_or_else(unknown)?;
    let mut at = section(table, &named).ok_or_else(unknown)?;
    while let Some(key) = keys.next() {
        if key.is_empty() {
            return Err(unknown());
        }
        if keys.peek().is_none() {
            at.insert(key, value);
            return Ok(());
        }
        at = section(at, &key).ok_or_else(unknown)?;
    }
    Err(unknown())
}

fn section<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Table> {
    table
        .entry(key)
        .or_insert_with(|| Value::Table(Table::new()))
        .as_table_mut()
}

/// A TOML literal where the text is one (`3`, `"text"`, `{1 = "a:1"}`), else the text itself.
fn value_of(text: &str) -> Value {
    let literal = toml::from_str::<Table>(&format!("value = {text}"))
        .ok()
        .filter(|table| table.len() == 1)
        .and_then(|mut table| table.remove("value"));
    literal.unwrap_or_else(|| Value::String(text.to_owned()))
}
