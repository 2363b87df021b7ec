//! Bytes on a WebSocket.

#![cfg_attr(fuzzing, no_main)]

tenure_fuzz::target!(tenure_fuzz::websocket::holds);
