//! Lists in JSON: what each format's records mean, and that nothing vanishes, leaks or stops. All hashes are seeded
//! random bytes.

mod feeds;
mod files;
mod support;
mod vics;
