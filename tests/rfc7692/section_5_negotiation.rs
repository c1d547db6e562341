//! RFC 7692 §5: extension negotiation, on both sides.

use bowsprit::handshake::Response;
use bowsprit::{DeflateConfig, DeflateParams, HandshakeError, Negotiated};
use proptest::prelude::*;

use crate::messages::{config, params};
use crate::support::answer::{request, start};
use crate::support::deflate::{agreed, answered, offered};
use crate::support::handshake::{accept, good_and};

/// Takeover both ways.
pub fn takeover() -> DeflateConfig {
    config(|config| {
        config.send_takeover = true;
        config.receive_takeover = true;
    })
}

const MALFORMED: [&str; 26] = [
    "unknown",
    "unknown=1",
    "Server_No_Context_Takeover",
    "server_no_context_takeover=1",
    "server_no_context_takeover=true",
    "client_no_context_takeover=1",
    "server_no_context_takeover; server_no_context_takeover",
    "client_no_context_takeover; client_no_context_takeover",
    "server_max_window_bits",
    "server_max_window_bits=7",
    "server_max_window_bits=16",
    "server_max_window_bits=08",
    "server_max_window_bits=010",
    "server_max_window_bits=8.0",
    "server_max_window_bits=+9",
    "server_max_window_bits=0",
    "server_max_window_bits=1000",
    "server_max_window_bits=99999999999999999999",
    "server_max_window_bits=x",
    "server_max_window_bits=10; server_max_window_bits=10",
    "client_max_window_bits=7",
    "client_max_window_bits=16",
    "client_max_window_bits=09",
    "client_max_window_bits=1000",
    "client_max_window_bits=10; client_max_window_bits=10",
    "client_max_window_bits=-8",
];

#[test]
fn r148_the_extension_is_offered_by_name_if_asked_for() {
    assert_eq!(
        offered(&DeflateConfig::default()),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
    );
    assert_eq!(offered(&takeover()), "permessage-deflate; client_max_window_bits");
    assert!(!start(&request("ws://server.example.com/chat")).unwrap().contains("Sec-WebSocket-Extensions"));
}

#[test]
fn r196_one_offer_is_made_to_which_every_answer_can_be_kept() {
    for bits in 9..=15 {
        for (send, receive) in [(false, false), (true, false), (false, true), (true, true)] {
            let config = config(|config| {
                (config.send_takeover, config.receive_takeover) = (send, receive);
                (config.send_window_bits, config.receive_window_bits) = (bits, bits);
            });
            let offer = offered(&config);
            assert!(!offer.contains(','), "{offer}");
            // The least and the most that it allows.
            let smallest = "; server_max_window_bits=8; client_max_window_bits=8";
            for takeover in ["; server_no_context_takeover; client_no_context_takeover", "; server_no_context_takeover"]
            {
                assert!(agreed(&config, &format!("permessage-deflate{takeover}{smallest}")).is_ok(), "{offer}");
            }
            let asked = if receive { "" } else { "; server_no_context_takeover" };
            let largest = if bits < 15 { format!("; server_max_window_bits={bits}") } else { String::new() };
            assert!(agreed(&config, &format!("permessage-deflate{asked}{largest}")).is_ok(), "{offer}");
        }
    }
}

#[test]
fn r149_a_small_window_is_asked_for() {
    for (bits, asked) in [(9, "=9"), (12, "=12"), (14, "=14"), (0, "=9"), (8, "=9")] {
        let config = config(|config| config.receive_window_bits = bits);
        assert!(offered(&config).contains(&format!("; server_max_window_bits{asked};")), "{}", offered(&config));
    }
    for bits in [15, 16, 255] {
        let config = config(|config| config.receive_window_bits = bits);
        assert!(!offered(&config).contains("server_max_window_bits"));
    }
    assert!(offered(&config(|config| config.send_window_bits = 10)).ends_with("; client_max_window_bits=10"));
}

#[test]
fn r147_r150_the_first_offer_that_fits_is_accepted() {
    let accepted = Some(("permessage-deflate".to_owned(), DeflateParams::default()));
    let config = takeover();
    for lines in [
        &["permessage-deflate"][..],
        &["x-webkit-deflate-frame, permessage-deflate"],
        &["permessage-deflate; unknown, permessage-deflate"],
        &["permessage-deflate; server_max_window_bits=16", "mux; max-channels=4", "permessage-deflate"],
        &["permessage-deflate, permessage-deflate; server_no_context_takeover"],
        &["permessage-deflate", "permessage-deflate; server_max_window_bits=10"],
    ] {
        assert_eq!(answered(&config, lines), accepted, "{lines:?}");
    }
    let second = answered(
        &config,
        &["permessage-deflate; server_max_window_bits=16, permessage-deflate; server_max_window_bits=10"],
    );
    assert_eq!(second.unwrap().0, "permessage-deflate; server_max_window_bits=10");
}

#[test]
fn r151_r152_no_other_extension_is_accepted_beside_it() {
    let config = takeover();
    let lines = &["permessage-bzip2, permessage-deflate, permessage-deflate, x-webkit-deflate-frame"];
    assert_eq!(answered(&config, lines).unwrap().0, "permessage-deflate");
    for also in ["permessage-deflate, permessage-bzip2", "permessage-bzip2, permessage-deflate"] {
        assert_eq!(agreed(&config, also), Err(HandshakeError::ExtensionNotOffered));
    }
}

#[test]
fn r153_declined_means_not_named() {
    let config = DeflateConfig::default();
    for line in ["permessage-bzip2", "x-webkit-deflate-frame", "Permessage-Deflate", "permessage-deflate; x"] {
        assert_eq!(answered(&config, &[line]), None, "{line}");
    }
    // Not asked for by the application.
    let request = good_and("Sec-WebSocket-Extensions: permessage-deflate");
    let (answer, negotiated) = accept(&request, &Response::accept()).unwrap();
    assert!(!answer.contains("Sec-WebSocket-Extensions"));
    assert_eq!(negotiated, Negotiated::none());
}

#[test]
fn r154_an_answer_to_what_was_not_offered_fails() {
    for extensions in ["permessage-bzip2", "permessage-deflate, permessage-deflate", "x-webkit-deflate-frame"] {
        assert_eq!(agreed(&takeover(), extensions), Err(HandshakeError::ExtensionNotOffered), "{extensions}");
    }
    for extensions in
        ["", ",", "permessage-deflate;", "permessage-deflate; server_max_window_bits=", "permessage deflate"]
    {
        assert_eq!(agreed(&takeover(), extensions), Err(HandshakeError::MalformedExtensions), "{extensions}");
    }
}

#[test]
fn r156_a_client_that_cannot_go_on_does_not_begin() {
    // §5.1 has it close with 1010; what makes it unable is known before the connection is made.
    let error = agreed(&DeflateConfig::default(), "permessage-deflate").unwrap_err();
    assert_eq!((error, error.section()), (HandshakeError::DeflateParams, "RFC 7692 §7.1"));
}

#[test]
fn r162_an_offer_with_a_malformed_parameter_is_declined() {
    let config = takeover();
    for malformed in MALFORMED {
        let offer = format!("permessage-deflate; {malformed}");
        assert_eq!(answered(&config, &[&offer]), None, "{offer}");
        let offer = format!("permessage-deflate; server_no_context_takeover; {malformed}, permessage-deflate");
        assert_eq!(answered(&config, &[&offer]).unwrap().0, "permessage-deflate", "{offer}");
    }
}

#[test]
fn r163_an_answer_with_a_malformed_parameter_fails() {
    for malformed in MALFORMED {
        let answer = format!("permessage-deflate; {malformed}");
        assert_eq!(agreed(&takeover(), &answer), Err(HandshakeError::DeflateParams), "{answer}");
    }
    for quoted in ["\"10 \"", "\"\"", "\"1", "'10'x y"] {
        let answer = format!("permessage-deflate; server_max_window_bits={quoted}");
        assert_eq!(agreed(&takeover(), &answer), Err(HandshakeError::MalformedExtensions), "{answer}");
    }
}

#[test]
fn r155_quotes_change_nothing() {
    let ten = params(|params| params.server_max_window_bits = 10);
    let offer = "permessage-deflate; server_max_window_bits=\"1\\0\"";
    assert_eq!(answered(&takeover(), &[offer]), Some(("permessage-deflate; server_max_window_bits=10".into(), ten)));
    assert_eq!(agreed(&takeover(), offer), Ok(Some(ten)));
}

fn any_config() -> impl Strategy<Value = DeflateConfig> {
    (any::<(bool, bool)>(), 7..=16u8, 7..=16u8).prop_map(|(takeovers, send, receive)| {
        config(|config| {
            config.send_takeover = takeovers.0;
            config.receive_takeover = takeovers.1;
            config.send_window_bits = send;
            config.receive_window_bits = receive;
        })
    })
}

proptest! {
    #[test]
    fn r155_any_client_and_any_server_agree(client in any_config(), server in any_config()) {
        let (answer, at_server) = answered(&server, &[&offered(&client)]).unwrap();
        let at_client = agreed(&client, &answer).unwrap().unwrap();
        // A client may do more than it promised: it begins anew, or refers back less far.
        prop_assert_eq!(at_client.server_no_context_takeover, at_server.server_no_context_takeover);
        prop_assert_eq!(at_client.server_max_window_bits, at_server.server_max_window_bits);
        prop_assert!(at_client.client_no_context_takeover >= at_server.client_no_context_takeover);
        prop_assert!(at_client.client_max_window_bits <= at_server.client_max_window_bits);
    }

    #[test]
    fn r169_an_answer_names_nothing_that_its_offer_forbids(
        config in any_config(),
        offers in prop::collection::vec(prop::sample::subsequence(vec![
            "server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits=9",
            "client_max_window_bits", "x",
        ], 0..5), 1..4),
    ) {
        let texts: Vec<String> =
            offers.iter().map(|params| [&["permessage-deflate"][..], params].concat().join("; ")).collect();
        let answer = answered(&config, &[&texts.join(", ")]);
        let fit = offers.iter().find(|params| !params.contains(&"x"));
        prop_assert_eq!(answer.is_some(), fit.is_some());
        if let (Some((answer, agreed)), Some(fit)) = (answer, fit) {
            let asked = |name: &str| fit.iter().any(|param| param.starts_with(name));
            prop_assert!(!answer.contains("client_max_window_bits") || asked("client_max_window_bits"));
            prop_assert!(answer.contains("server_no_context_takeover") || !asked("server_no_context_takeover"));
            prop_assert!(agreed.server_max_window_bits <= 9 || !asked("server_max_window_bits"));
        }
    }
}
