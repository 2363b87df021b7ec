//! How much memory an idle connection keeps after a request.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::Which;
use crate::server::Server;

pub(crate) fn run(is_quick: bool) {
    let most = if is_quick { 500 } else { 10_000 };
    println!("| {most} idle connections | axum | tenure |");
    println!("|---|---|---|");
    let bytes = Which::ALL.map(|which| {
        let server = Server::start(which);
        let request = |stream: &mut TcpStream| {
            stream
                .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                .unwrap();
            let mut answer = [0; 1_024];
            let read = stream.read(&mut answer).unwrap();
            assert!(answer[..read].ends_with(b"hello\n"));
        };
        let connect = || {
            let mut stream = TcpStream::connect(server.address).unwrap();
            request(&mut stream);
            stream
        };
        let warm: Vec<_> = (0..100).map(|_| connect()).collect();
        let before = server.resident();
        let mut idle: Vec<_> = (0..most).map(|_| connect()).collect();
        let bytes = (server.resident() - before) / most;
        // All of them are still served.
        idle.iter_mut().for_each(request);
        drop(warm);
        bytes
    });
    println!("| bytes each | {} | {} |\n", bytes[0], bytes[1]);
}
