//! What goes to standard output: a table for people, JSON for programs.

#![allow(
    clippy::print_stdout,
    reason = "this is the one place where results are printed"
)]

use serde_json::Value;

use crate::args::OutputFormat;

/// Prints `values` in the format asked for; `table` is only made when it is printed.
pub fn all(format: OutputFormat, values: &[Value], table: impl FnOnce() -> String) {
    match format {
        OutputFormat::Table => print!("{}", table()),
        OutputFormat::Json => println!("{:#}", Value::from(values)),
        OutputFormat::Jsonl => values.iter().for_each(|value| println!("{value}")),
    }
}

/// Prints one value in the format asked for.
pub fn one(format: OutputFormat, value: &Value, table: impl FnOnce() -> String) {
    match format {
        OutputFormat::Table => print!("{}", table()),
        OutputFormat::Json => println!("{value:#}"),
        OutputFormat::Jsonl => println!("{value}"),
    }
}

/// Prints text as it is.
pub fn text(text: &str) {
    print!("{text}");
}
