//! Places and files of the workspace.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::TaskError;

/// The root of the workspace, wherever the command was typed.
pub(crate) fn workspace_root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or(manifest.clone(), Path::to_path_buf)
}

/// Reads a text file.
///
/// # Errors
/// Where the file cannot be read or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, TaskError> {
    fs::read_to_string(path).map_err(|source| TaskError::File {
        action: "read",
        path: path.into(),
        source,
    })
}

/// Creates a directory and its parents.
///
/// # Errors
/// Where that is impossible, such as below a file.
pub(crate) fn create_directory(path: &Path) -> Result<(), TaskError> {
    fs::create_dir_all(path).map_err(|source| TaskError::File {
        action: "create the directory",
        path: path.into(),
        source,
    })
}

/// Writes a file so that a reader sees the old content or the new, never a part.
///
/// # Errors
/// Where the file cannot be written or replaced; nothing is left behind then.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), TaskError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let written = fs::write(&partial, content).and_then(|()| fs::rename(&partial, path));
    written.map_err(|source| {
        // The error worth reporting is the first one.
        let _ = fs::remove_file(&partial);
        TaskError::File { action: "write", path: path.into(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        env::temp_dir().join(format!("ebm-xtask-{name}-{}", std::process::id()))
    }

    #[test]
    fn writing_replaces_and_leaves_nothing_else() {
        let dir = scratch("write");
        create_directory(&dir).unwrap();
        let file = dir.join("a.txt");
        write(&file, "one").unwrap();
        write(&file, "two").unwrap();
        assert_eq!(read(&file).unwrap(), "two");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn failures_name_the_path() {
        let dir = scratch("below");
        create_directory(&dir).unwrap();
        let file = dir.join("file");
        write(&file, "").unwrap();
        let below = file.join("directory");
        let message = create_directory(&below).unwrap_err().to_string();
        assert!(message.contains("create the directory"), "{message}");
        assert!(message.contains(&below.display().to_string()), "{message}");
        assert!(write(&dir.join("missing/file"), "").is_err());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn the_root_holds_the_workspace_manifest() {
        assert!(read(&workspace_root().join("Cargo.toml")).unwrap().contains("[workspace]"));
    }
}
