//! `kumi certs`, and the certificate that every other command shows.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kumi_tls::{Files, Role};

use crate::args::OutputFormat;
use crate::exit::{Code, Exit};

/// The certificate to show and the CA to trust; all three or none.
#[derive(Clone, Debug, Default, Args)]
pub struct TlsArgs {
    /// Certificate to show, PEM; none: no TLS
    #[arg(long, env = "KUMI_TLS__CERTIFICATE", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, env = "KUMI_TLS__KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Certificates of the CAs to trust, PEM
    #[arg(long, env = "KUMI_TLS__CA", value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
}

impl TlsArgs {
    /// The files as they hold: each flag over what a configuration file says.
    ///
    /// # Errors
    /// 78 when some are named and others are not.
    pub fn over(&self, file: Option<Files>) -> Result<Option<Files>, Exit> {
        let (certificate, key, ca) = match file {
            Some(file) => (Some(file.certificate), Some(file.key), Some(file.ca)),
            None => (None, None, None),
        };
        let certificate = self.tls_cert.clone().or(certificate);
        let key = self.tls_key.clone().or(key);
        let ca = self.tls_ca.clone().or(ca);
        match (certificate, key, ca) {
            (None, None, None) => Ok(None),
            (Some(certificate), Some(key), Some(ca)) => Ok(Some(Files {
                certificate,
                key,
                ca,
            })),
            _ => {
                let message =
                    "--tls-cert, --tls-key and --tls-ca belong together: name all three, or none";
                Err(Exit::new(Code::Configuration, message))
            }
        }
    }

    /// The flags as keys of a configuration.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let keys = [
            ("tls.certificate", self.tls_cert.clone()),
            ("tls.key", self.tls_key.clone()),
            ("tls.ca", self.tls_ca.clone()),
        ];
        let named = keys
            .into_iter()
            .filter_map(|(key, path)| Some((key, path?)));
        named.map(|(key, path)| (key, path.to_string_lossy().into_owned()))
    }
}

/// `kumi certs …`.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Make a private CA for a cluster: ca.pem and ca.key
    Ca {
        /// Name of the cluster, as in the schedulers' configuration
        #[arg(long, default_value = "kumi")]
        cluster: String,
        /// Folder for its files
        #[arg(long, default_value = ".")]
        dir: PathBuf,
        /// How long it holds, days
        #[arg(long, default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        days: u32,
    },
    /// Issue a certificate: ROLE-[CENTRE-]NAME.pem and .key
    Issue(IssueArgs),
    /// Who a certificate is of, and until when it holds
    Show {
        /// The certificate, PEM
        certificate: PathBuf,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        output: OutputFormat,
    },
}

/// `kumi certs issue`.
#[derive(Debug, Args)]
pub struct IssueArgs {
    /// Folder of ca.pem and ca.key
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// Folder for what is issued; that of the CA when not given
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// operator, submitter, worker, scheduler, auditor or read-only
    #[arg(long)]
    pub role: Role,
    /// Centre; submitters need one
    #[arg(long)]
    pub centre: Option<String>,
    /// Name; of a scheduler the number of its node, of a worker its name or what all names begin with
    #[arg(long)]
    pub name: String,
    /// Host name or address at which it is dialled, as others write it; may be given more than once
    #[arg(long = "host", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// How long it holds, days
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: u32,
}
