//! As much of RFC 959 as a login, `PWD` and a listing in passive mode need.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::SyncSender;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// Where the data connections go: not where the control connection went, so that a client that
/// reached them has followed the words of the server.
const DATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What a listing holds.
const LISTING: &[u8] = b"-rw-r--r-- 1 toy toy 6 Jan 1 2000 greeting.txt\r\n";

/// Serves one control connection, which came from `peer`. With each listing it reports the
/// address of that peer and of the one that fetched the listing.
pub(super) async fn serve(
    read: impl AsyncRead + Unpin,
    mut write: impl AsyncWrite + Unpin,
    peer: &str,
    report: &SyncSender<String>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(read).lines();
    let mut passive = None;
    write.write_all(b"220 toy service ready\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match command.to_ascii_uppercase().as_str() {
            "USER" => "331 the password?".to_owned(),
            "PASS" if argument == "sesame" => "230 logged in".to_owned(),
            "PASS" => "530 not logged in".to_owned(),
            "PWD" => "257 \"/toy\" is the folder".to_owned(),
            "TYPE" => "200 done".to_owned(),
            "PASV" => {
                let listener = TcpListener::bind((DATA_ADDRESS, 0)).await?;
                let told = passive_reply(listener.local_addr()?);
                passive = Some(listener);
                told
            }
            "LIST" => match passive.take() {
                Some(listener) => {
                    write.write_all(b"150 here it comes\r\n").await?;
                    let from = send_listing(&listener).await?;
                    let control = peer.rsplit_once(':').map_or(peer, |(address, _)| address);
                    let _ = report.try_send(format!("control from {control}, data from {from}"));
                    "226 done".to_owned()
                }
                None => "425 PASV comes first".to_owned(),
            },
            "QUIT" => "221 goodbye".to_owned(),
            _ => "502 unknown command".to_owned(),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
        if answer.starts_with("221") {
            break;
        }
    }
    write.shutdown().await
}

/// Address and port as six numbers.
fn passive_reply(at: SocketAddr) -> String {
    let [a, b, c, d] = DATA_ADDRESS.octets();
    let [high, low] = at.port().to_be_bytes();
    format!("227 entering passive mode ({a},{b},{c},{d},{high},{low})")
}

/// Sends the listing to whoever comes, and returns the address.
async fn send_listing(listener: &TcpListener) -> std::io::Result<String> {
    let (mut stream, from) = listener.accept().await?;
    stream.write_all(LISTING).await?;
    stream.shutdown().await?;
    Ok(from.ip().to_string())
}
