//! The state machine from outside: by scripts, by random commands, and at scale.

mod script;
mod support;
