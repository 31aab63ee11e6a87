//! nginx: HTTP, where the client speaks first.

use super::await_port;
use crate::openssh::{is_root, program_path};
use crate::ports::free_port;
use crate::process::Process;
use crate::scratch::Scratch;
use std::process::Command;

/// A running web server of files.
pub struct Nginx {
    _process: Process,
    port: u16,
    folder: Scratch,
}

impl Nginx {
    /// Starts it with nothing to serve.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let (folder, port) = (Scratch::new(), free_port());
        let here = folder.path().display();
        // Its workers read what the test writes, which is for its owner alone.
        let user = if is_root() { "user root;\n" } else { "" };
        let config = format!(
            "{user}daemon off;\nworker_processes 1;\npid {here}/pid;\nerror_log stderr;\n\
             events {{ worker_connections 512; }}\n\
             http {{\n access_log off;\n client_body_temp_path {here}/body;\n \
             proxy_temp_path {here}/proxy;\n fastcgi_temp_path {here}/fastcgi;\n \
             uwsgi_temp_path {here}/uwsgi;\n scgi_temp_path {here}/scgi;\n \
             server {{\n  listen 127.0.0.1:{port};\n  root {here};\n }}\n}}\n"
        );
        let config = folder.write("nginx.conf", config);
        let mut command = Command::new(program_path("nginx"));
        command.arg("-p").arg(folder.path()).arg("-e").arg("stderr").arg("-c").arg(config);
        let mut process = Process::spawn(&mut command);
        await_port(&mut process, port);
        Self { _process: process, port, folder }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Serves `content` under `name`.
    pub fn serve(&self, name: &str, content: impl AsRef<[u8]>) {
        self.folder.write(name, content);
    }
}
