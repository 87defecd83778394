//! The Python interpreters that peers run in.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The interpreters named by `EBM_PYTHON`, separated as in `PATH`: not every peer
/// runs on the same version. `python3` if there is no such variable.
pub(crate) fn interpreters() -> Vec<PathBuf> {
    let named = std::env::var_os("EBM_PYTHON").unwrap_or_else(|| "python3".into());
    std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// The first of them that can import `module`.
pub(crate) fn interpreter_with(module: &str) -> Option<PathBuf> {
    let can_import = |python: &PathBuf| {
        let mut probe = Command::new(python);
        probe.args(["-c", &format!("import {module}")]);
        let status = probe.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    interpreters().into_iter().find(can_import)
}

/// A script of `benches/peers/`.
pub(crate) fn script(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "peers", name].iter().collect()
}
