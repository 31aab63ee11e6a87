//! `--port-file`: the forwards that stand, with their ports, for a script to read.

use std::io::Write as _;
use std::path::PathBuf;

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

    /// Adds a line: `KEYWORD LISTEN TARGET`, as `-G` prints it. The file is replaced as a whole,
    /// so that whoever reads it finds whole lines. It is there before the forward's first
    /// connection is served: the driver tells of a listener before it asks it for connections.
    ///
    /// # Errors
    /// The operating system's.
    pub fn add(&mut self, line: String) -> std::io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        self.lines.push(line);
        let mut name = path.clone().into_os_string();
        name.push(format!(".{}.new", std::process::id()));
        let new = PathBuf::from(name);
        // A device or a link that stands there is somebody's, and is not to be replaced.
        if path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
            return Err(std::io::Error::other("it is not a regular file"));
        }
        // Never through a file or a link that somebody has put there.
        let made = std::fs::File::options().write(true).create_new(true).open(&new);
        let mut file = made?;
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
        let mut nowhere = PortFile::new(Some("/nonexistent/ports".into()));
        assert!(nowhere.add(String::new()).is_err());
        let link = folder.0.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(PortFile::new(Some(link.clone())).add("x".to_owned()).is_err());
        assert!(link.is_symlink() && std::fs::read_to_string(&path).unwrap() == text);
        assert!(PortFile::default().add(String::new()).is_ok());
    }
}
