use super::*;
use crate::test_support::{Dir, block_on, skip};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tssh_transport::key::PublicKey;

/// A real ssh-agent with a directory of its own.
struct RealAgent {
    dir: Dir,
    child: Child,
}

impl RealAgent {
    /// Nothing, and a word about it, where there is none on this machine.
    fn start() -> Option<Self> {
        let dir = Dir::new();
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(dir.0.join("socket"))
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            skip("no ssh-agent to talk to");
            return None;
        };
        // It prints the name of its socket once that is ready.
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        Some(Self { dir, child })
    }

    fn socket(&self) -> PathBuf {
        self.dir.0.join("socket")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.dir.0)
            .env("SSH_AUTH_SOCK", self.socket())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for RealAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_agent_lists_and_signs() {
    let Some(real) = RealAgent::start() else { return };
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "384"), ("rsa", "2048")] {
        real.run("ssh-keygen", &["-q", "-t", kind, "-b", bits, "-N", "", "-C", kind, "-f", kind]);
        real.run("ssh-add", &["-q", kind]);
    }
    block_on(async {
        let mut agent = Agent::connect(&real.socket()).await.unwrap();
        let keys = agent.identities().await.unwrap();
        let comments: Vec<&[u8]> = keys.iter().map(|k| &k.comment[..]).collect();
        assert_eq!(comments, [&b"ed25519"[..], b"ecdsa", b"rsa"]);
        for key in &keys {
            let public = PublicKey::from_blob(&key.blob).unwrap();
            for algorithm in public.signature_algorithms() {
                let signature = agent.sign(&key.blob, b"data", algorithm).await.unwrap();
                public.verify(algorithm, b"data", &signature).unwrap();
            }
        }
        let refused = agent.sign(b"no key of its", b"data", "ssh-ed25519").await;
        assert!(matches!(refused, Err(AgentFault::Answer(AnswerFault::Refused))));
        // The connection is still good.
        assert_eq!(agent.identities().await.unwrap(), keys);
    });
}

/// An agent that answers every request with these bytes.
fn answered_with(bytes: Vec<u8>) -> Result<Vec<AgentKey>, AgentFault> {
    block_on(async {
        let dir = Dir::new();
        let path = dir.0.join("socket");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let serve = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 5];
            socket.read_exact(&mut request).await.unwrap();
            socket.write_all(&bytes).await.unwrap();
        };
        let ask = async { Agent::connect(&path).await?.identities().await };
        let (result, ()) = tokio::join!(ask, serve);
        result
    })
}

#[test]
fn hostile_frames_are_refused_before_they_are_allocated() {
    let huge = answered_with(vec![0xff; 4]);
    assert!(matches!(huge, Err(AgentFault::FrameTooLarge(n)) if n > AGENT_FRAME_BYTES_MAX));
    let over = answered_with((AGENT_FRAME_BYTES_MAX as u32 + 1).to_be_bytes().to_vec());
    assert!(matches!(over, Err(AgentFault::FrameTooLarge(_))));
    assert!(matches!(answered_with(vec![0; 4]), Err(AgentFault::Answer(_))));
    assert!(matches!(answered_with(vec![0, 0, 0, 9, 12]), Err(AgentFault::Io(_))));
    assert!(matches!(answered_with(Vec::new()), Err(AgentFault::Io(_))));
}

#[test]
fn no_agent_there() {
    let error = block_on(Agent::connect(Path::new("/nonexistent/socket"))).unwrap_err();
    assert_eq!(error.to_string(), "No such file or directory");
}
