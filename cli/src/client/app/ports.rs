//! `--port-file`: the forwards that stand, with their ports, for a script to read.

use crate::exit::os_words;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The file and what it holds.
#[derive(Debug, Default)]
pub struct PortFile {
    path: Option<PathBuf>,
    /// One line for each forward; bounded like the forwards.
    lines: Vec<String>,
}

impl PortFile {
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, lines: Vec::new() }
    }

    /// Takes away what an earlier run has left, so that nobody reads ports that are gone.
    ///
    /// # Errors
    /// One line: a device or a link stands there, which is somebody's and stays, or what the
    /// operating system said.
    pub fn begin(&self) -> Result<(), String> {
        let Some(path) = &self.path else { return Ok(()) };
        match path.symlink_metadata() {
            Ok(found) if !found.is_file() => Err(self.fault("it is not a regular file")),
            Ok(_) => std::fs::remove_file(path).map_err(|error| self.fault(&os_words(&error))),
            // Whether it can be made is seen when it is.
            Err(_) => Ok(()),
        }
    }

    fn fault(&self, words: &str) -> String {
        let path = self.path.as_deref().unwrap_or(Path::new(""));
        format!("cannot write the file of ports {}: {words}", path.display())
    }

    /// Adds a line: `KEYWORD LISTEN TARGET`, as `-G` prints it. The file is replaced as a whole,
    /// so that whoever reads it finds whole lines. It is there before the forward's first
    /// connection is served: the driver tells of a listener before it asks it for connections.
    ///
    /// # Errors
    /// One line with the operating system's words.
    pub fn add(&mut self, line: String) -> Result<(), String> {
        self.lines.push(line);
        let Some(path) = &self.path else { return Ok(()) };
        self.replace(path).map_err(|error| self.fault(&os_words(&error)))
    }

    fn replace(&self, path: &Path) -> std::io::Result<()> {
        let mut name = path.to_path_buf().into_os_string();
        name.push(format!(".{}.new", std::process::id()));
        let new = PathBuf::from(name);
        // Never through a file or a link that somebody has put there.
        let mut file = std::fs::File::options().write(true).create_new(true).open(&new)?;
        let written = (|| {
            self.lines.iter().try_for_each(|line| writeln!(file, "{line}"))?;
            file.sync_all()
        })();
        let replaced = written.and_then(|()| std::fs::rename(&new, path));
        if replaced.is_err() {
            // What is left of it is of no use; that it cannot be removed changes nothing.
            let _ = std::fs::remove_file(&new);
        }
        replaced
    }
}

#[cfg(test)]
mod tests {
    use super::PortFile;

    #[test]
    fn the_file_holds_every_line_and_is_replaced_as_a_whole() {
        let folder = crate::test_support::Dir::new();
        let path = folder.0.join("ports");
        let mut file = PortFile::new(Some(path.clone()));
        file.add("localforward 1 [a]:1".to_owned()).unwrap();
        file.add("dynamicforward 2".to_owned()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "localforward 1 [a]:1\ndynamicforward 2\n");
        assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
        PortFile::new(Some(path.clone())).begin().unwrap();
        assert!(!path.exists(), "what an earlier run left is gone");
        std::fs::write(&path, &text).unwrap();
        let mut nowhere = PortFile::new(Some("/nonexistent/ports".into()));
        assert!(nowhere.add(String::new()).is_err());
        let link = folder.0.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let fault = PortFile::new(Some(link.clone())).begin().unwrap_err();
        assert!(fault.ends_with("link: it is not a regular file"), "{fault}");
        assert!(link.is_symlink() && std::fs::read_to_string(&path).unwrap() == text);
        assert!(PortFile::default().add(String::new()).is_ok());
    }
}
