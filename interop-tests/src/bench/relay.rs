//! The floor: a process that copies between connections and knows nothing of SSH.

use std::net::Ipv4Addr;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};

/// Room for each way; beyond 16 KiB the size makes no difference that can be measured.
const PIECE_BYTES: usize = 256 * 1024;

/// Relays every connection at `listen` to `target` until the process is ended.
///
/// # Errors
/// When the port cannot be had.
pub fn serve(listen: u16, target: u16) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, listen)).await?;
        println!("ready");
        loop {
            let (near, _) = listener.accept().await?;
            // What goes wrong with a connection is noticed at its ends.
            tokio::spawn(relay(near, target));
        }
    })
}

async fn relay(mut near: TcpStream, target: u16) -> std::io::Result<()> {
    let mut far = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut near, &mut far, PIECE_BYTES, PIECE_BYTES).await?;
    Ok(())
}
