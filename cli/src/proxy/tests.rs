use super::*;
use crate::account::Account;
use crate::config::Options;
use crate::test_support::block_on;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn settings(edit: impl FnOnce(&mut Options)) -> Settings {
    let mut options = Options { user: Some("me".into()), ..Options::default() };
    edit(&mut options);
    Settings::resolve(&options, "alias", &Account::current(), |_| Vec::new()).unwrap()
}

fn command(text: &str) -> Result<Route> {
    let settings = settings(|o| {
        o.host_name = Some("Real.Example".into());
        o.port = Some(2222);
        o.proxy = Some(Proxy::Command(text.into()));
    });
    Route::new(&settings, None, 0)
}

fn jump(chain: &str, verbosity: u32) -> std::result::Result<String, String> {
    let settings = settings(|o| o.proxy = Some(Proxy::Jump(chain.into())));
    match Route::new(&settings, Some(Path::new("/c onfig")), verbosity) {
        Ok(Route::Jump(words)) => Ok(words.join("|")),
        Ok(other) => Err(format!("{other:?}")),
        Err(fatal) => Err(fatal.message),
    }
}

#[test]
fn tokens_of_a_command() {
    let Route::Command(text) = command("nc %h %p %r %n %k %% ${HOME}").unwrap() else { panic!() };
    assert_eq!(text, "exec nc real.example 2222 me alias alias % ${HOME}");
    let unknown = command("nc %z").unwrap_err();
    assert_eq!(unknown.message, "vdollar_percent_expand: unknown key %z");
    assert!(command("nc %").is_err());
    assert_eq!(command("none").unwrap(), Route::Direct);
    assert_eq!(command("-").unwrap(), Route::Standard);
}

#[test]
fn a_chain_becomes_a_run_of_our_own() {
    assert_eq!(jump("a", 0).unwrap(), "-F|/c onfig|-W|[alias]:22|a");
    assert_eq!(
        jump("x,ssh://y@b:33,u@[::1]:99", 5).unwrap(),
        "-l|u|-p|99|-J|x,ssh://y@b:33|-F|/c onfig|-W|[alias]:22|-vvv|::1"
    );
    assert_eq!(jump("ssh://%75@b:33/", 0).unwrap(), "-l|u|-p|33|-F|/c onfig|-W|[alias]:22|b");
    assert_eq!(jump("%r@%n.gate", 1).unwrap(), "-l|me|-F|/c onfig|-W|[alias]:22|-v|alias.gate");
    assert_eq!(jump("me@alias", 0).unwrap_err(), "jumphost loop via alias");
    assert!(jump("other@alias", 0).is_ok() && jump("alias:23", 0).is_ok());
    assert_eq!(jump("none", 0).unwrap_err(), "Direct");
}

#[test]
fn what_is_no_chain() {
    for good in ["a", "a,b", "u@a:1,[::1]", "ssh://a:22", "b:", "NONE"] {
        assert!(jump::is_valid(good), "{good}");
    }
    for bad in ["", ",", "a,", "@a", "a:x", "a:0", "a:65536", ":", "-oX=y", "u@-x", "[::1", "a;b"] {
        assert!(!jump::is_valid(bad), "{bad}");
    }
}

#[test]
fn a_command_carries_bytes() {
    block_on(async {
        let opened = Route::Command("exec cat".into()).open().await.unwrap().unwrap();
        let Opened { mut stream, peer, child } = opened;
        assert_eq!((peer, child.is_some()), (None, true));
        stream.write_all(b"there and back").await.unwrap();
        let mut back = [0; 14];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"there and back");
    });
}

#[test]
fn a_dialer_that_passes_nothing_is_told() {
    let failed = block_on(Route::Dialer("exec true".into()).open()).err().unwrap();
    assert_eq!(failed.message, "proxy dialer did not pass back a connection");
}
