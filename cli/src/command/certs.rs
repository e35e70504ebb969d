//! `kumi certs`: a private CA for a cluster, and what it issues.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kumi_tls::issue::{self, IssueError, Issued, Validity};
use kumi_tls::{Identity, LoadError, Role};
use serde_json::json;

use crate::args::{CertsCommand, IssueArgs, OutputFormat};
use crate::exit::{Code, Exit};
use crate::print;

/// Runs the command.
///
/// # Errors
/// 2 for names that cannot stand in a certificate, 65 and 66 for files that are wrong or missing, 73 when a file of that
/// name is there already.
pub fn run(command: CertsCommand) -> anyhow::Result<()> {
    match command {
        CertsCommand::Ca { cluster, dir, days } => {
            let made = issue::authority(&cluster, Validity::days(days)).map_err(unusable)?;
            write(&made, &dir, "ca")?;
        }
        CertsCommand::Issue(args) => certificate(&args)?,
        CertsCommand::Show {
            certificate,
            output,
        } => show(&certificate, output)?,
    }
    Ok(())
}

fn certificate(args: &IssueArgs) -> Result<(), Exit> {
    let [certificate, key] = names(&args.dir, "ca").map(|path| read(&path));
    let authority = Issued {
        certificate: certificate?,
        key: key?,
    };
    let cluster = issue::cluster_of(&authority.certificate).map_err(unusable)?;
    let centre = args.centre.as_deref();
    let identity = Identity::new(&cluster, args.role, centre, &args.name);
    let identity = identity.map_err(|error| unusable(error.into()))?;
    if args.role == Role::Scheduler && args.hosts.is_empty() {
        let message = "--host: a scheduler is dialled; name the host as the others write it";
        return Err(Exit::new(Code::Usage, message));
    }
    let validity = Validity::days(args.days);
    let made = issue::certificate(&authority, &identity, &args.hosts, validity);
    let stem = identity.actor().replace("/-/", "-").replace('/', "-");
    let out = args.out.as_ref().unwrap_or(&args.dir);
    write(&made.map_err(unusable)?, out, &stem)
}

fn names(dir: &Path, stem: &str) -> [PathBuf; 2] {
    ["pem", "key"].map(|kind| dir.join(format!("{stem}.{kind}")))
}

fn read(path: &Path) -> Result<String, Exit> {
    std::fs::read_to_string(path)
        .map_err(|error| Exit::new(Code::MissingInput, format!("{}: {error}", path.display())))
}

/// Writes both files, or none.
fn write(made: &Issued, dir: &Path, stem: &str) -> Result<(), Exit> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        let message = format!("{}: {error}; nothing is overwritten", path.display());
        Exit::new(Code::CannotCreate, message)
    };
    std::fs::create_dir_all(dir).map_err(|error| failed(dir, &error))?;
    let [certificate, key] = names(dir, stem);
    issue::write_new(&key, &made.key, true).map_err(|error| failed(&key, &error))?;
    issue::write_new(&certificate, &made.certificate, false).map_err(|error| {
        // A key without its certificate is good for nothing, and would be in the way.
        let _ = std::fs::remove_file(&key);
        failed(&certificate, &error)
    })?;
    print::text(&format!("{}\n{}\n", certificate.display(), key.display()));
    Ok(())
}

fn unusable(error: IssueError) -> Exit {
    let code = match &error {
        IssueError::Identity(_) => Code::Usage,
        IssueError::Foreign | IssueError::Make(_) => Code::BadInput,
    };
    Exit::new(code, error.to_string())
}

fn show(path: &Path, output: OutputFormat) -> Result<(), Exit> {
    let found = kumi_tls::read(path).map_err(|error| {
        let code = match &error {
            LoadError::Read { .. } => Code::MissingInput,
            _ => Code::BadInput,
        };
        Exit::new(code, kumi_worker::fault::chain(&error))
    })?;
    let time = |seconds| {
        Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
    };
    let (from, until) = (time(found.not_before), time(found.not_after));
    let now = Timestamp::now().as_second();
    let days_left = (found.not_after - now).div_euclid(86_400);
    let identity = match (&found.identity, found.authority) {
        (Ok(identity), _) => identity.to_string(),
        (Err(_), true) => "a CA".to_owned(),
        (Err(error), false) => format!("nobody: {error}"),
    };
    let value = json!({
        "identity": found.identity.as_ref().ok().map(ToString::to_string), "authority": found.authority,
        "hosts": found.hosts, "not_before": from, "not_after": until, "expired": now > found.not_after,
    });
    print::one(output, &value, || {
        let hosts = match found.hosts.as_slice() {
            [] => "none".to_owned(),
            hosts => hosts.join(", "),
        };
        let state = if now > found.not_after {
            "EXPIRED".to_owned()
        } else {
            format!("{days_left} days left")
        };
        format!(
            "identity  {identity}\nhosts     {hosts}\nfrom      {from}\nuntil     {until} ({state})\n"
        )
    });
    Ok(())
}
