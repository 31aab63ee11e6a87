//! One connection, from its first byte to its last.

use crate::server::app::{Hooks, ServerApp};
use crate::server::auth_log::AuthLog;
use crate::server::peer::Peer;
use crate::server::policy::ServerPolicy;
use crate::trace;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tssh_connection::{ServerConfig, Stack};
use tssh_forward::Ended;
use tssh_forward::driver::{Application, DriverOptions, Waits, run};
use tssh_transport::entropy::{Entropy, SEED_BYTES};
use tssh_transport::{Timestamp, TransportConfig};

/// Why a connection ended that `--trace-strict` was about.
const NOT_WRITTEN: &str = "what was to be written down of it cannot be (--trace-strict)";

/// Serves one client on any stream, with keys that may live in memory alone; see
/// [`ServerPolicy::embedded`]. `seed` must be fresh from the operating system: every secret of the
/// connection follows from it.
pub async fn serve_connection<S>(
    socket: S,
    policy: Arc<ServerPolicy>,
    seed: [u8; SEED_BYTES],
) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    serve(socket, policy, Peer::default(), seed, Hooks::default()).await
}

/// The same for a client whose address is known, for somebody who wants to hear of it.
pub async fn serve<S>(
    socket: S,
    policy: Arc<ServerPolicy>,
    peer: Peer,
    seed: [u8; SEED_BYTES],
    hooks: Hooks,
) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    serve_as(socket, policy, peer, seed, hooks, |app, _| app).await
}

/// The same with an application around the server's own, for somebody who listens in and may
/// want to see what the layers do.
pub(crate) async fn serve_as<S, A>(
    socket: S,
    policy: Arc<ServerPolicy>,
    peer: Peer,
    seed: [u8; SEED_BYTES],
    mut hooks: Hooks,
    around: impl FnOnce(ServerApp, &mut Stack) -> A,
) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    A: Application,
{
    let max_failures = policy.authentication.max_failures;
    let log = Arc::new(Mutex::new(AuthLog::new(peer, policy.user(), max_failures)));
    let options = DriverOptions {
        host: peer.host(),
        waits: Waits {
            login_grace: policy.login_grace,
            keepalive: policy.keepalive,
            ..Waits::default()
        },
        low_water: hooks.low_water.take(),
        // Nothing before the login, whose key may narrow it down.
        ..DriverOptions::default()
    };
    let config = ServerConfig {
        transport: TransportConfig {
            identification: policy.identification.clone(),
            algorithms: policy.algorithms.clone(),
            rekey: policy.rekey,
            host_keys: policy.host_keys.clone(),
            server_sig_algs: policy.authentication.signature_algorithms.clone(),
        },
        auth: policy.authentication.clone(),
        connection: policy.windows.connection(),
    };
    let ended = match Stack::server(config, Entropy::from_seed(&seed), Timestamp::default()) {
        Ok(mut stack) => {
            stack.allow_host_bound();
            let traced =
                hooks.recorder.take().map(|r| r.attach(&mut stack, &peer.to_string(), None));
            let traced = match traced.transpose() {
                Ok(traced) => traced,
                Err(fatal) => return Ended::Socket(fatal.message),
            };
            let app = ServerApp::new(policy, peer, hooks, Arc::clone(&log));
            let app = around(app, &mut stack);
            let app = trace::around(traced.as_ref(), app);
            let ended = run(socket, stack, app, options).await;
            match traced {
                None => ended,
                Some(traced) => {
                    // It waits for a disk, and other connections go on meanwhile.
                    let finish = move || match traced.finish(&ended) {
                        true => ended,
                        false => Ended::Socket(NOT_WRITTEN.to_owned()),
                    };
                    let finished = tokio::task::spawn_blocking(finish).await;
                    finished.unwrap_or_else(|error| Ended::Socket(error.to_string()))
                }
            }
        }
        Err(error) => Ended::Protocol(error),
    };
    log.lock().unwrap_or_else(PoisonError::into_inner).ended(&ended);
    ended
}
