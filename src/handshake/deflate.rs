//! The negotiation of permessage-deflate (RFC 7692 §5, §7.1).

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::Write;

use super::fields::Extension;
use crate::deflate::{DeflateConfig, DeflateParams, MAX_WINDOW_BITS, MIN_WINDOW_BITS};
use crate::error::HandshakeError;

/// The extension's registered name (§7).
const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The parameters of an offer or of an answer, each valid by itself and there at most once.
#[derive(Debug, Default, PartialEq, Eq)]
struct Params {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<ClientBits>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientBits {
    /// Named without a value, which only an offer may.
    Any,
    AtMost(u8),
}

/// The first offer that can be kept to, with its answer; the others are declined (§5).
pub(super) fn accept<'h>(
    offers: impl Iterator<Item = Extension<'h>>,
    config: &DeflateConfig,
) -> Option<(DeflateParams, String)> {
    let mut offers = offers.filter(|offer| offer.name() == NAME).filter_map(|offer| parse(&offer));
    // A valid offer asks for nothing that we cannot do.
    offers.next().map(|offer| answer(&offer, config))
}

/// Agrees to what was offered, and never names what was not, except what a server may ask for unasked.
fn answer(offer: &Params, config: &DeflateConfig) -> (DeflateParams, String) {
    let (send_bits, receive_bits) = config.bits();
    let mut params = DeflateParams {
        server_no_context_takeover: offer.server_no_context_takeover || !config.send_takeover,
        client_no_context_takeover: offer.client_no_context_takeover || !config.receive_takeover,
        server_max_window_bits: offer.server_max_window_bits.unwrap_or(MAX_WINDOW_BITS).min(send_bits),
        client_max_window_bits: MAX_WINDOW_BITS,
    };
    let mut answer = String::from(NAME);
    if params.server_no_context_takeover {
        push(&mut answer, SERVER_NO_CONTEXT_TAKEOVER, None);
    }
    if params.client_no_context_takeover {
        push(&mut answer, CLIENT_NO_CONTEXT_TAKEOVER, None);
    }
    if offer.server_max_window_bits.is_some() || params.server_max_window_bits < MAX_WINDOW_BITS {
        push(&mut answer, SERVER_MAX_WINDOW_BITS, Some(params.server_max_window_bits));
    }
    // §7.1.2.2: not to a client that did not name it.
    let client_bits = match offer.client_max_window_bits {
        None => None,
        Some(ClientBits::Any) => Some(receive_bits).filter(|&bits| bits < MAX_WINDOW_BITS),
        Some(ClientBits::AtMost(bits)) => Some(bits.min(receive_bits)),
    };
    if let Some(bits) = client_bits {
        params.client_max_window_bits = bits;
        push(&mut answer, CLIENT_MAX_WINDOW_BITS, Some(bits));
    }
    (params, answer)
}

/// A client's offer, as it is sent.
pub(super) fn offer(config: &DeflateConfig) -> String {
    let (send_bits, receive_bits) = config.bits();
    let mut offer = String::from(NAME);
    if !config.receive_takeover {
        push(&mut offer, SERVER_NO_CONTEXT_TAKEOVER, None);
    }
    if !config.send_takeover {
        push(&mut offer, CLIENT_NO_CONTEXT_TAKEOVER, None);
    }
    if receive_bits < MAX_WINDOW_BITS {
        push(&mut offer, SERVER_MAX_WINDOW_BITS, Some(receive_bits));
    }
    push(&mut offer, CLIENT_MAX_WINDOW_BITS, Some(send_bits).filter(|&bits| bits < MAX_WINDOW_BITS));
    offer
}

/// Holds a server's answer against the offer that this configuration made (§7.1).
///
/// `None` if the server declined.
pub(super) fn check<'h>(
    mut answer: impl Iterator<Item = Extension<'h>>,
    config: &DeflateConfig,
) -> Result<Option<DeflateParams>, HandshakeError> {
    let Some(extension) = answer.next() else { return Ok(None) };
    // The one that was offered, once.
    if extension.name() != NAME || answer.next().is_some() {
        return Err(HandshakeError::ExtensionNotOffered);
    }
    let (send_bits, receive_bits) = config.bits();
    let params = parse(&extension).ok_or(HandshakeError::DeflateParams)?;
    // §7.1.1.1: who accepts an offer with it names it.
    let takeover = !config.receive_takeover && !params.server_no_context_takeover;
    // §7.1.2.1: named if it was offered, and not more.
    let server_bits = params.server_max_window_bits.unwrap_or(MAX_WINDOW_BITS);
    let client_bits = match params.client_max_window_bits {
        None => MAX_WINDOW_BITS,
        Some(ClientBits::AtMost(bits)) if bits <= send_bits => bits,
        // §7.1.2.2: an answer has a value, and not more than was offered.
        Some(_) => return Err(HandshakeError::DeflateParams),
    };
    if takeover || server_bits > receive_bits {
        return Err(HandshakeError::DeflateParams);
    }
    Ok(Some(DeflateParams {
        server_no_context_takeover: params.server_no_context_takeover,
        // What this end does without being asked is agreed, too.
        client_no_context_takeover: params.client_no_context_takeover || !config.send_takeover,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits.min(send_bits),
    }))
}

/// The parameters; `None` if one is unknown, repeated, or has a value that it must not have (§7.1).
fn parse(extension: &Extension<'_>) -> Option<Params> {
    let mut params = Params::default();
    for (name, value) in extension.params() {
        let first = match name {
            SERVER_NO_CONTEXT_TAKEOVER => flag(&mut params.server_no_context_takeover, value),
            CLIENT_NO_CONTEXT_TAKEOVER => flag(&mut params.client_no_context_takeover, value),
            SERVER_MAX_WINDOW_BITS => params.server_max_window_bits.replace(bits(&value?)?).is_none(),
            CLIENT_MAX_WINDOW_BITS => {
                let bits = match value {
                    Some(value) => ClientBits::AtMost(bits(&value)?),
                    None => ClientBits::Any,
                };
                params.client_max_window_bits.replace(bits).is_none()
            }
            _ => false,
        };
        if !first {
            return None;
        }
    }
    Some(params)
}

/// Sets a parameter without a value; `false` if it has one, or was set before.
fn flag(flag: &mut bool, value: Option<Cow<'_, str>>) -> bool {
    value.is_none() && !core::mem::replace(flag, true)
}

/// A decimal from 8 to 15 without leading zeros (§7.1.2.1).
fn bits(value: &str) -> Option<u8> {
    let bits = match value.as_bytes() {
        [digit @ b'8'..=b'9'] => digit - b'0',
        [b'1', digit @ b'0'..=b'5'] => 10 + digit - b'0',
        _ => return None,
    };
    debug_assert!((MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(&bits));
    Some(bits)
}

fn push(extension: &mut String, name: &str, bits: Option<u8>) {
    // Writing to a String does not fail.
    let _ = match bits {
        Some(bits) => write!(extension, "; {name}={bits}"),
        None => write!(extension, "; {name}"),
    };
}
