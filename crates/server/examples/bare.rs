//! A bare server for trying things out.
use firth_engine::{Engine, FileDisk, Options, SystemClock};
use firth_server::{config::Config, net, server::Server};
use std::sync::Arc;
fn main() {
    let mut args = std::env::args().skip(1);
    let port: u16 = args.next().and_then(|p| p.parse().ok()).unwrap_or(7999);
    let threads = args.next().and_then(|p| p.parse().ok()).unwrap_or(1);
    let engine = Engine::open(&Options::new(), Arc::new(SystemClock), &FileDisk).unwrap();
    let config = Config { port, threads, ..Config::default() };
    let server = Arc::new(Server::new(engine, config, "x".repeat(40)));
    let listeners = net::Listener::tcp("127.0.0.1", port).unwrap();
    net::serve(&server, listeners).unwrap();
}
