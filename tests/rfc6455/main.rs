//! RFC 6455, a file per section. A test's name begins with the row of RFC-NOTES.md that it proves.
//!
//! A test reads bytes → events. Its input goes through a connection whole, byte by byte, cut at every single place and
//! with bytes behind it; that all come to the same is part of each test (see `support`).

#[path = "../support/rules.rs"]
mod rules;
#[path = "../support/mod.rs"]
mod support;

mod section_10_2_origin;
mod section_10_3_masking;
mod section_10_4_limits;
mod section_10_attacks_on_the_handshake;
mod section_11_3_header_fields;
mod section_3_websocket_uris;
mod section_4_1_client_requirements;
mod section_4_1_the_clients_request;
mod section_4_1_validating_the_answer;
mod section_4_2_1_reading_the_clients_handshake;
mod section_4_2_2_sending_the_servers_handshake;
mod section_4_3_collected_abnf;
mod section_4_4_multiple_versions;
mod section_4_http;
mod section_4_http_bodies;
mod section_5_1_overview;
mod section_5_2_base_framing_protocol;
mod section_5_3_client_to_server_masking;
mod section_5_4_fragmentation;
mod section_5_5_1_close;
mod section_5_5_2_ping;
mod section_5_5_3_pong;
mod section_5_5_control_frames;
mod section_5_6_data_frames;
mod section_5_7_examples;
mod section_6_1_sending_data;
mod section_6_2_receiving_data;
mod section_7_1_7_fail_the_connection;
mod section_7_1_definitions;
mod section_7_2_abnormal_closures;
mod section_7_4_status_codes;
mod section_8_1_invalid_utf8;
mod section_9_1_negotiating_extensions;
