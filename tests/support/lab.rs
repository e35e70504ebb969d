//! Hosts with addresses of their own: network namespaces on one bridge. They can be parted without either noticing.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::text;

static LABS: AtomicU32 = AtomicU32::new(0);

/// Hosts on one network; it is taken down with this value.
pub(crate) struct Lab {
    /// First part of the names of everything that belongs to it; names of interfaces are short.
    prefix: String,
    subnet: String,
    hosts: usize,
}

impl Lab {
    /// A network of so many hosts, numbered from 0. None, and a message, where this process may not make one.
    pub(crate) fn new(hosts: usize) -> Option<Self> {
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let id = std::process::id() % 100_000;
        let lab = Self {
            prefix: format!("k{id}n{number}"),
            subnet: format!("10.{}.{number}", 64 + id % 64),
            hosts,
        };
        match lab.set_up() {
            Ok(()) => Some(lab),
            Err(why) => {
                eprintln!("skipped: no network namespaces: {why}");
                None
            }
        }
    }

    fn set_up(&self) -> Result<(), String> {
        let (prefix, subnet) = (&self.prefix, &self.subnet);
        ip(&format!("link add {prefix}b type bridge"))?;
        ip(&format!("link set {prefix}b up"))?;
        ip(&format!("addr add {subnet}.254/24 dev {prefix}b"))?;
        for host in 0..self.hosts {
            let (name, address) = (self.name(host), self.address(host));
            ip(&format!("netns add {name}"))?;
            ip(&format!(
                "link add {name}v type veth peer name eth0 netns {name}"
            ))?;
            ip(&format!("link set {name}v master {prefix}b up"))?;
            ip(&format!("-n {name} addr add {address}/24 dev eth0"))?;
            ip(&format!("-n {name} link set eth0 up"))?;
            ip(&format!("-n {name} link set lo up"))?;
        }
        Ok(())
    }

    fn name(&self, host: usize) -> String {
        format!("{}h{host}", self.prefix)
    }

    /// The address of a host.
    pub(crate) fn address(&self, host: usize) -> String {
        format!("{}.{}", self.subnet, host + 1)
    }

    /// A command that runs on a host.
    pub(crate) fn on(&self, host: usize, command: &Command) -> Command {
        let mut there = Command::new("ip");
        there.args(["netns", "exec", &self.name(host)]);
        there.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => there.env(name, value),
                None => there.env_remove(name),
            };
        }
        there
    }

    /// What `a` sends to `b` is lost: it goes to an address that no interface has.
    pub(crate) fn part_one_way(&self, a: usize, b: usize) {
        let (name, address) = (self.name(a), self.address(b));
        must(&format!(
            "-n {name} neigh replace {address} lladdr 02:00:00:00:00:01 nud permanent dev eth0"
        ));
    }

    /// Nothing passes between the two.
    pub(crate) fn part(&self, a: usize, b: usize) {
        self.part_one_way(a, b);
        self.part_one_way(b, a);
    }

    /// Everything passes between the two again.
    pub(crate) fn join(&self, a: usize, b: usize) {
        for (from, to) in [(a, b), (b, a)] {
            let (name, address) = (self.name(from), self.address(to));
            // It may never have been parted.
            let _ = ip(&format!("-n {name} neigh del {address} dev eth0"));
        }
    }

    /// Nothing passes between a host and any other.
    pub(crate) fn isolate(&self, host: usize) {
        must(&format!("link set {}v down", self.name(host)));
    }

    /// … and passes again.
    pub(crate) fn rejoin(&self, host: usize) {
        must(&format!("link set {}v up", self.name(host)));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for host in 0..self.hosts {
            let _ = ip(&format!("netns del {}", self.name(host)));
        }
        let _ = ip(&format!("link del {}b", self.prefix));
    }
}

fn must(arguments: &str) {
    ip(arguments).unwrap_or_else(|why| panic!("ip {arguments}: {why}"));
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(text(&output.stderr).trim().to_owned())
    }
}
