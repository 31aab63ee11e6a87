//! Prompts and responses of keyboard-interactive, RFC 4256 sections 3.2 and 3.4.
//!
//! Counts that a peer claims allocate nothing: a list grows by what was read from bytes present.

use super::Prompt;
use crate::error::{Error, Result};
use crate::limits::{BANNER_BYTES_MAX, PROMPTS_MAX};
use crate::messages::userauth::{UserauthInfoRequest, UserauthInfoResponse};
use crate::text::printable;
use crate::wire::{Message, Reader, WireError, Writer};
use alloc::string::String;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// A received SSH_MSG_USERAUTH_INFO_REQUEST, its texts made harmless.
#[derive(Debug)]
pub(super) struct InfoRequest {
    pub(super) name: String,
    pub(super) instruction: String,
    pub(super) prompts: Vec<Prompt>,
}

/// Client: reads a request for information. Empty names, instructions and prompts are accepted.
pub(super) fn read_request(payload: &[u8]) -> Result<InfoRequest> {
    let fault = |error| Error::decode(UserauthInfoRequest::NAME, error);
    let message = UserauthInfoRequest::decode(payload).map_err(fault)?;
    if message.num_prompts > PROMPTS_MAX {
        return Err(Error::LimitReached("prompts in one SSH_MSG_USERAUTH_INFO_REQUEST"));
    }
    let mut r = Reader::new(message.prompts);
    let mut prompts = Vec::new();
    let result: core::result::Result<(), WireError> = (|| {
        for _ in 0..message.num_prompts {
            let text = display_text(r.string("prompt")?);
            prompts.push(Prompt { text, echo: r.boolean("echo")? });
        }
        r.end()
    })();
    result.map_err(|e| fault(within(e, payload, message.prompts)))?;
    Ok(InfoRequest {
        name: display_text(message.name),
        instruction: display_text(message.instruction),
        prompts,
    })
}

/// Server: a request for information.
pub(super) fn request(name: &str, instruction: &str, prompts: &[Prompt]) -> Vec<u8> {
    let mut fields = Vec::new();
    let mut w = Writer::new(&mut fields);
    for prompt in prompts {
        w.string(prompt.text.as_bytes());
        w.boolean(prompt.echo);
    }
    let count = u32::try_from(prompts.len()).unwrap_or(u32::MAX);
    UserauthInfoRequest::new(name.as_bytes(), instruction.as_bytes(), b"", count, &fields).payload()
}

/// Client: the responses in the order of the prompts.
pub(super) fn response(responses: &[Zeroizing<String>]) -> Zeroizing<Vec<u8>> {
    // A buffer that grows leaves copies of what it held behind.
    let bytes = responses.iter().map(|r| r.len().saturating_add(4)).sum();
    let mut fields = Zeroizing::new(Vec::with_capacity(bytes));
    let mut w = Writer::new(&mut fields);
    // "response[n] MUST be the answer to prompt[n]." RFC 4256 section 3.4
    for response in responses {
        w.string(response.as_bytes());
    }
    let count = u32::try_from(responses.len()).unwrap_or(u32::MAX);
    super::request::secret(bytes, &UserauthInfoResponse::new(count, &fields))
}

/// What came in answer to a number of prompts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// As many responses as prompts.
    All(Vec<Zeroizing<String>>),
    /// Another number, or text that is not UTF-8: to be answered with a failure.
    Wrong,
}

/// Server: reads the responses to `prompts` prompts.
pub(super) fn read_response(payload: &[u8], prompts: usize) -> Result<Answered> {
    let fault = |error| Error::decode(UserauthInfoResponse::NAME, error);
    let message = UserauthInfoResponse::decode(payload).map_err(fault)?;
    // "If the num-responses field does not match the num-prompts field in the request message,
    // the server MUST send a failure message." RFC 4256 section 3.4
    if usize::try_from(message.num_responses) != Ok(prompts) {
        return Ok(Answered::Wrong);
    }
    let mut r = Reader::new(message.responses);
    let mut responses = Vec::new();
    let mut utf8 = true;
    for _ in 0..prompts {
        let bytes =
            r.string("response").map_err(|e| fault(within(e, payload, message.responses)))?;
        match core::str::from_utf8(bytes) {
            Ok(text) => responses.push(Zeroizing::new(String::from(text))),
            Err(_) => utf8 = false,
        }
    }
    r.end().map_err(|e| fault(within(e, payload, message.responses)))?;
    Ok(if utf8 { Answered::All(responses) } else { Answered::Wrong })
}

/// An error in the tail of a payload, with its offset counted from the payload's first byte.
pub(super) fn within(error: WireError, payload: &[u8], tail: &[u8]) -> WireError {
    let before = payload.len().saturating_sub(tail.len());
    WireError { offset: error.offset.saturating_add(before), ..error }
}

/// Text of the peer for a terminal. Its line breaks are CR LF (RFC 4252 section 5.4), which the
/// filter would show as an escape.
pub(super) fn display_text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..BANNER_BYTES_MAX).unwrap_or(bytes);
    let mut unix = Vec::new();
    for (i, b) in bytes.iter().enumerate() {
        if *b != b'\r' || bytes.get(i.saturating_add(1)) != Some(&b'\n') {
            unix.push(*b);
        }
    }
    // "control character filtering, discussed in [SSH-ARCH], SHOULD be used" RFC 4252 section 5.4
    printable(&unix, BANNER_BYTES_MAX)
}
