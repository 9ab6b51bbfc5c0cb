//! A folder that is gone with the test.

use std::path::PathBuf;

/// An empty folder; dropping it removes it with all that is in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("firth-test-{name}-{}", std::process::id());
        Folder(std::env::temp_dir().join(name))
    }

    /// The address of a broker in a folder of this name within.
    pub(crate) fn address(&self, name: &str) -> String {
        format!("file:{}", self.0.join(name).display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _is_gone = std::fs::remove_dir_all(&self.0);
    }
}
