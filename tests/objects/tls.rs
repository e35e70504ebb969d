//! A store whose certificate is of a CA of the centre's own.

use std::path::PathBuf;
use std::process::Command;

use crate::objects::{Site, fails};
use crate::support::{json, kumi, ok, text, tls};

/// The store behind TLS.
struct Secured {
    site: Site,
    port: u16,
}

impl Secured {
    fn new() -> Option<Self> {
        let site = Site::new()?;
        let dir = site.world.path("certs");
        ok(kumi()
            .args(["certs", "ca", "--cluster", "test", "--dir"])
            .arg(&dir));
        let issue = ["certs", "issue", "--role", "scheduler", "--name", "1"];
        ok(kumi()
            .args(issue)
            .args(["--host", "127.0.0.1", "--dir"])
            .arg(&dir));
        let file = |name: &str| dir.join(name);
        let port = tls::before(
            site.s3.port,
            &file("scheduler-1.pem"),
            &file("scheduler-1.key"),
        );
        Some(Self { site, port })
    }

    fn ca(&self) -> PathBuf {
        self.site.world.path("certs").join("ca.pem")
    }

    /// A command that reaches the store through TLS.
    fn command(&self, command: Command) -> Command {
        let mut command = self.site.with_store(command, self.site.s3.port);
        command.env(
            "AWS_ENDPOINT_URL",
            format!("https://127.0.0.1:{}", self.port),
        );
        command.env_remove("AWS_ALLOW_HTTP");
        command
    }

    fn doctor(&self, more: &[&str]) -> Command {
        let mut command = kumi();
        command.args(["doctor", "--output", "json", "--store", "s3://made/root"]);
        command.args(more);
        self.command(command)
    }
}

/// What the doctor says of the store.
fn of_store(command: &mut Command) -> serde_json::Value {
    let output = command.output().expect("kumi runs");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let mut found = found.as_array().expect("findings").iter();
    found
        .find(|it| it["check"] == "store")
        .expect("a store")
        .clone()
}

#[test]
fn a_ca_of_the_centre_is_trusted_when_it_is_named_and_a_doctor_says_when_it_is_not() {
    let Some(secured) = Secured::new() else {
        return;
    };
    let base = "s3://given/run-1/";
    let cohort = secured.site.cohort("remote", base);
    let check = || {
        let mut command = kumi();
        command.args(["cohort", "check"]).arg(&cohort);
        secured.command(command)
    };
    let said = fails(&mut check(), 66);
    let endpoint = format!("https://127.0.0.1:{}", secured.port);
    let told = format!("the certificate of {endpoint} is not trusted");
    assert!(
        said.contains(&told) && said.contains("AWS_CA_BUNDLE"),
        "{said}"
    );
    assert!(said.contains("1 problem found"), "{said}");
    let found = of_store(&mut secured.doctor(&[]));
    assert_eq!(found["status"], "fail", "{found}");
    let said = found.to_string();
    assert!(
        said.contains(&told) && said.contains("AWS_CA_BUNDLE"),
        "{said}"
    );
    let missing = secured.site.world.path("no-ca.pem");
    let said = fails(check().env("AWS_CA_BUNDLE", &missing), 66);
    assert!(said.contains("no-ca.pem, which AWS_CA_BUNDLE"), "{said}");

    ok(check().env("AWS_CA_BUNDLE", secured.ca()));
    let found = of_store(secured.doctor(&[]).env("AWS_CA_BUNDLE", secured.ca()));
    assert_eq!(found["status"], "ok", "{found}");
    // As a worker has it in its configuration.
    let worker = format!(
        "[worker]\nname = \"w\"\n[store.s3]\nendpoint = \"{endpoint}\"\nca = \"{}\"\n",
        secured.ca().display()
    );
    secured.site.world.write("worker.toml", worker);
    let config = secured.site.world.path("worker.toml").display().to_string();
    let found = of_store(&mut secured.doctor(&["--config", &config]));
    assert_eq!(found["status"], "ok", "{found}");

    let run = secured.site.run(&cohort, "root", secured.site.s3.port);
    let mut run = secured.command(run);
    run.args(["--output", "json"])
        .env("AWS_CA_BUNDLE", secured.ca());
    let report = json(&ok(&mut run));
    assert_eq!(report["state"], "completed", "{report}");
}
