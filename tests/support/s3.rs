//! A real S3 server, `moto`, as a process of its own.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use super::tools::have_python;
use super::{text, until};
use crate::daemon::{Process, free_ports};

/// The server, with a bucket for what is given and one for what is made.
pub(crate) struct S3 {
    pub(crate) port: u16,
    _server: Process,
}

/// An answer: status, head and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(super) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }
}

impl S3 {
    /// Starts it. None, and a message, where it is not installed.
    pub(crate) fn start(dir: &Path) -> Option<Self> {
        if !have_python(&["moto", "flask"]) {
            return None;
        }
        let [port] = free_ports();
        let mut command = Command::new("python3");
        command.args(["-m", "moto.server", "-p", &port.to_string()]);
        let server = Process::start(&mut command, &dir.join("s3.log"));
        let s3 = Self {
            port,
            _server: server,
        };
        until("an S3 server that answers", || {
            call(port, "GET", "/", &[]).ok()
        });
        for bucket in ["given", "made"] {
            assert_eq!(s3.call("PUT", &format!("/{bucket}"), &[]).status, 200);
        }
        Some(s3)
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        call(self.port, method, path, body).expect("the server answers")
    }

    /// Makes an object.
    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        assert_eq!(self.call("PUT", &format!("/{key}"), bytes).status, 200);
    }

    /// The bytes of an object.
    pub(crate) fn get(&self, key: &str) -> Vec<u8> {
        let answer = self.call("GET", &format!("/{key}"), &[]);
        assert_eq!(answer.status, 200, "{key}: {}", text(&answer.body));
        answer.body
    }

    /// The keys of a bucket.
    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        let mut keys = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/{bucket}?list-type=2&start-after={after}");
            let listing = text(&self.call("GET", &path, &[]).body);
            let found: Vec<String> = between(&listing, "<Key>", "</Key>");
            keys.extend(found);
            match keys.last() {
                Some(last) if listing.contains("<IsTruncated>true") => after = last.clone(),
                _ => return keys,
            }
        }
    }

    /// Uploads that were begun and neither completed nor given up.
    pub(crate) fn unfinished(&self, bucket: &str) -> Vec<String> {
        let listing = text(&self.call("GET", &format!("/{bucket}?uploads"), &[]).body);
        between(&listing, "<UploadId>", "</UploadId>")
    }
}

fn between(text: &str, begin: &str, end: &str) -> Vec<String> {
    let parts = text.split(begin).skip(1);
    parts
        .filter_map(|part| part.split(end).next().map(str::to_owned))
        .collect()
}

fn call(port: u16, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    exchange(port, head.as_bytes(), body)
}

/// Sends a request whose head asks for the connection to be closed, and reads the answer.
pub(super) fn exchange(port: u16, head: &[u8], body: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(head)?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = find(&answer, b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = text(&answer[..end]);
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Answer {
        status: status.ok_or(io::ErrorKind::InvalidData)?,
        body: answer[end + 4..].to_vec(),
        head,
    })
}

pub(super) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
