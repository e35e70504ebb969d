//! A configuration file in TOML.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::exit::{Code, Exit};

/// What a file says.
///
/// # Errors
/// 66 when it cannot be read, 78 when it is not what it should be, with line and column.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Exit> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Exit::new(Code::MissingInput, format!("{}: {error}", path.display())))?;
    toml::from_str(&text).map_err(|error| {
        let message = format!("{}: {}", path.display(), error.to_string().trim_end());
        Exit::new(Code::Configuration, message)
    })
}
