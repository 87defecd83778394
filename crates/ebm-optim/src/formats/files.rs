//! Bytes from files, and files replaced as a whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use crate::Error;

/// Longest file that is read, in bytes: an endless one must end.
pub(super) const LONGEST: u64 = 1 << 33;

/// Opens a file, which must not be a directory.
pub(super) fn open(path: &Path) -> Result<File, Error> {
    let failed = |source| Error::Read { path: path.into(), source };
    let file = File::open(path).map_err(failed)?;
    // Some systems open a directory and fail at its first byte.
    if file.metadata().map_err(failed)?.is_dir() {
        let error = std::io::Error::new(std::io::ErrorKind::IsADirectory, "it is a directory");
        return Err(failed(error));
    }
    Ok(file)
}

/// All bytes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read { path: path.into(), source };
    let file = open(path)?;
    let size = file.metadata().map_or(0, |m| if m.is_file() { m.len() } else { 0 });
    let mut bytes = vec![];
    // A failed reservation shows again, as an error, when reading.
    let _ = bytes.try_reserve_exact(usize::try_from(size.min(LONGEST)).unwrap_or(0));
    let read = file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if read as u64 > LONGEST {
        let message = format!("the file is longer than {LONGEST} bytes");
        return Err(failed(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message)));
    }
    Ok(bytes)
}

/// Writes beside the file, then renames; devices and pipes are written to.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.into(), source };
    // A link stays a link to what is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.into());
    if fs::metadata(&target).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        return fs::write(&target, bytes).map_err(failed);
    }
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}.partial", std::process::id()));
    let partial = target.with_file_name(name);
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, &target));
    written.map_err(|source| {
        // The error worth reporting is the first one.
        let _ = fs::remove_file(&partial);
        failed(source)
    })
}
