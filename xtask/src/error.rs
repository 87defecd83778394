//! Why a task did not succeed.

use std::io;
use std::path::PathBuf;

use crate::arguments::UsageError;

/// Why a task did not succeed. A usage error exits with code 2, everything else with 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// The command line does not fit the task.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// A file or directory could not be used.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, such as `create the directory`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot run `{program}`: {source}")]
    Spawn {
        /// The command line.
        program: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The task ran and its result is negative.
    #[error("{0}")]
    Failed(String),
}

impl TaskError {
    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }
}
