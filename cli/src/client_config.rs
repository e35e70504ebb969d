//! Where the schedulers are and what certificate to show them, for every command that talks to them.

use std::path::PathBuf;

use kumi_tls::{Credentials, Files};
use serde::Deserialize;

use crate::args::Remote;
use crate::client::Client;
use crate::config_file;
use crate::exit::{Code, Exit};

const ENDPOINT: &str = "127.0.0.1:7070";

/// The file. Unknown keys are errors.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    client: Section,
    tls: Option<Files>,
}

/// `[client]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    endpoints: Option<Vec<String>>,
}

impl Remote {
    /// A client of the schedulers: flags over the environment over the file.
    ///
    /// # Errors
    /// 66 for files that are missing, 78 for ones that are wrong.
    pub fn client(&self) -> Result<Client, Exit> {
        let (endpoints, files) = self.settings()?;
        let client = Client::new(endpoints.unwrap_or_else(|| vec![ENDPOINT.to_owned()]));
        Ok(match files {
            Some(files) => client.secured(credentials(files)?),
            None => client,
        })
    }

    /// The schedulers, when some are named, and the certificate to show them.
    ///
    /// # Errors
    /// 66 for files that are missing, 78 for ones that are wrong.
    pub(crate) fn settings(&self) -> Result<(Option<Vec<String>>, Option<Files>), Exit> {
        let file = match (&self.client_config, default_file()) {
            (Some(path), _) => config_file::read(path)?,
            (None, Some(path)) if path.exists() => config_file::read(&path)?,
            (None, _) => File::default(),
        };
        let endpoints = self.endpoint.clone().or(file.client.endpoints);
        if endpoints.as_ref().is_some_and(Vec::is_empty) {
            return Err(Exit::new(
                Code::Configuration,
                "client.endpoints: it is empty",
            ));
        }
        Ok((endpoints, self.tls.over(file.tls)?))
    }
}

/// What is in these files.
fn credentials(files: Files) -> Result<Credentials, Exit> {
    Credentials::load(files).map_err(|error| {
        let code = match &error {
            kumi_tls::LoadError::Read { .. } => Code::MissingInput,
            _ => Code::Configuration,
        };
        Exit::new(code, kumi_worker::fault::chain(&error))
    })
}

/// `kumi/client.toml` where the user's configuration lies.
fn default_file() -> Option<PathBuf> {
    let of = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
    let home = || of("HOME").map(|home| PathBuf::from(home).join(".config"));
    let folder = of("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home)?;
    Some(folder.join("kumi").join("client.toml"))
}
