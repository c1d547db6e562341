//! RFC 7692 §7.1: the parameters, one by one.

use bowsprit::{DeflateConfig, HandshakeError, Limits, ReceiveBuffer, Role};

use crate::messages::{BINARY, Sender, config, connection, json, noise, params};
use crate::section_5_negotiation::takeover;
use crate::support::deflate::{agreed, answered};
use crate::support::{drain, output, text};

/// The answer's parameters.
fn answer(config: &DeflateConfig, offer: &str) -> String {
    let (answer, _) = answered(config, &[&format!("permessage-deflate{offer}")]).unwrap();
    answer.strip_prefix("permessage-deflate").unwrap().to_owned()
}

#[test]
fn r164_server_no_context_takeover_is_kept_if_asked_for_and_named_unasked() {
    assert_eq!(answer(&takeover(), ""), "");
    assert_eq!(answer(&takeover(), "; server_no_context_takeover"), "; server_no_context_takeover");
    let config = config(|config| config.receive_takeover = true);
    assert_eq!(answer(&config, ""), "; server_no_context_takeover");
    assert_eq!(answer(&config, "; server_no_context_takeover"), "; server_no_context_takeover");
}

#[test]
fn r164_a_client_copes_with_it_unasked() {
    let agreed_on = params(|params| params.server_no_context_takeover = true);
    assert_eq!(agreed(&takeover(), "permessage-deflate; server_no_context_takeover"), Ok(Some(agreed_on)));
}

#[test]
fn r164_a_client_that_asked_for_it_insists() {
    let config = config(|config| config.send_takeover = true);
    let agreed_on = params(|params| params.server_no_context_takeover = true);
    assert_eq!(agreed(&config, "permessage-deflate; server_no_context_takeover"), Ok(Some(agreed_on)));
    assert_eq!(agreed(&config, "permessage-deflate"), Err(HandshakeError::DeflateParams));
}

#[test]
fn r165_client_no_context_takeover_is_kept_if_answered() {
    let agreed_on = params(|params| params.client_no_context_takeover = true);
    assert_eq!(agreed(&takeover(), "permessage-deflate; client_no_context_takeover"), Ok(Some(agreed_on)));
    // A client that offered it does so in any case.
    let config = config(|config| config.receive_takeover = true);
    assert_eq!(agreed(&config, "permessage-deflate"), Ok(Some(agreed_on)));
}

#[test]
fn r165_a_server_asks_for_it_unless_takeover_is_wanted() {
    assert_eq!(answer(&takeover(), "; client_no_context_takeover"), "; client_no_context_takeover");
    let config = config(|config| config.send_takeover = true);
    assert_eq!(answer(&config, ""), "; client_no_context_takeover");
}

#[test]
fn r166_server_max_window_bits_from_8_to_15() {
    for bits in 8..=15 {
        let offer = format!("; server_max_window_bits={bits}");
        assert_eq!(answer(&takeover(), &offer), offer);
        let agreed_on = params(|params| params.server_max_window_bits = bits);
        assert_eq!(agreed(&takeover(), &format!("permessage-deflate{offer}")), Ok(Some(agreed_on)));
    }
}

#[test]
fn r166_an_answer_is_not_above_the_offer() {
    let ten = config(|config| {
        config.receive_takeover = true;
        config.receive_window_bits = 10;
    });
    for bits in 8..=15 {
        let agreed = agreed(&ten, &format!("permessage-deflate; server_max_window_bits={bits}"));
        assert_eq!(agreed.is_ok(), bits <= 10, "{bits}");
    }
    assert_eq!(agreed(&ten, "permessage-deflate"), Err(HandshakeError::DeflateParams));
}

#[test]
fn r167_server_max_window_bits_may_be_answered_unasked() {
    let ten = config(|config| {
        config.send_takeover = true;
        config.receive_takeover = true;
        config.send_window_bits = 10;
    });
    assert_eq!(answer(&ten, ""), "; server_max_window_bits=10");
    assert_eq!(answer(&ten, "; server_max_window_bits=12"), "; server_max_window_bits=10");
    assert_eq!(answer(&ten, "; server_max_window_bits=9"), "; server_max_window_bits=9");
    let agreed_on = params(|params| params.server_max_window_bits = 9);
    assert_eq!(agreed(&takeover(), "permessage-deflate; server_max_window_bits=9"), Ok(Some(agreed_on)));
}

#[test]
fn r168_client_max_window_bits_with_and_without_a_value() {
    assert_eq!(answer(&takeover(), "; client_max_window_bits"), "");
    let ten = config(|config| {
        config.send_takeover = true;
        config.receive_takeover = true;
        config.receive_window_bits = 10;
    });
    assert_eq!(answer(&ten, "; client_max_window_bits"), "; client_max_window_bits=10");
    for bits in 8..=15 {
        let offer = format!("; client_max_window_bits={bits}");
        assert_eq!(answer(&takeover(), &offer), offer);
        assert_eq!(answer(&ten, &offer), format!("; client_max_window_bits={}", bits.min(10)));
        let agreed_on = params(|params| params.client_max_window_bits = bits);
        assert_eq!(agreed(&takeover(), &format!("permessage-deflate{offer}")), Ok(Some(agreed_on)));
    }
    assert_eq!(agreed(&takeover(), "permessage-deflate; client_max_window_bits"), Err(HandshakeError::DeflateParams));
}

#[test]
fn r168_a_clients_window_is_not_larger_than_it_offered() {
    let ten = config(|config| {
        config.send_takeover = true;
        config.receive_takeover = true;
        config.send_window_bits = 10;
    });
    for bits in 8..=15 {
        let agreed = agreed(&ten, &format!("permessage-deflate; client_max_window_bits={bits}"));
        assert_eq!(agreed.is_ok(), bits <= 10, "{bits}");
    }
    let agreed_on = params(|params| params.client_max_window_bits = 10);
    assert_eq!(agreed(&ten, "permessage-deflate"), Ok(Some(agreed_on)));
}

#[test]
fn r168_r175_a_server_that_answers_8_to_our_client_gets_no_distance_beyond_256() {
    const EIGHT: &str = "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8";
    for no_takeover in ["", "; server_no_context_takeover; client_no_context_takeover"] {
        let agreed_on = agreed(&takeover(), &format!("{EIGHT}{no_takeover}")).unwrap().expect("agreed on");
        assert_eq!((agreed_on.server_max_window_bits, agreed_on.client_max_window_bits), (8, 8));
        let mut sender = Sender::new(Role::Client, agreed_on, &takeover());
        let mut furthest = 0;
        for period in [200, 250, 251, 255, 256, 257, 300] {
            let sent = noise(period).repeat(4);
            let frame = sender.send(&sent);
            if frame.first == BINARY {
                let (received, reach) = sender.inflated(&frame.payload);
                assert_eq!(received, sent);
                furthest = furthest.max(reach);
            }
        }
        assert!((200..=256).contains(&furthest), "{furthest}");
        // And reads what such a server sends, in its window of 256 bytes and in the message's own.
        let mut server = Sender::new(Role::Server, agreed_on, &takeover());
        let mut client = connection(Role::Client, agreed_on);
        let (mut input, mut output) = (ReceiveBuffer::new(Limits::default()), output(Role::Client));
        for number in 0..20 {
            let sent = json(number, 100 + 50 * number);
            server.conn.send(&sent, &mut server.output).unwrap();
            input.extend_from_slice(server.output.pending());
            server.frames();
            assert_eq!(drain(&mut client, &mut input, &mut output), [text(&sent)]);
        }
    }
}

#[test]
fn r169_client_max_window_bits_is_not_answered_unasked() {
    let ten = config(|config| config.receive_window_bits = 10);
    assert!(!answer(&ten, "").contains("client_max_window_bits"));
    assert!(answer(&ten, "; client_max_window_bits").contains("client_max_window_bits=10"));
}
