//! A minimal ingest server: accepts everything, says what is published and how much of it arrived.
//!
//! `cargo run --example ingest 127.0.0.1:1935`, then point an encoder at `rtmp://127.0.0.1/live/key`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to people")]

use std::error::Error;
use std::sync::Arc;

use rtmpctl::live::{Client, Server, ServerOptions, Socket};
use rtmpctl::proto::session::{Event, HEADS, Policy, Responder};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1935".to_owned());
    let mut options = ServerOptions::default();
    // Frames are only counted here, so that their heads are enough.
    options.client.session.keep = HEADS;
    let server = Server::with(address, options).await?;
    println!("listening on {}", server.address());
    tokio::join!(
        async {
            while let Some(client) = server.clients().next().await {
                tokio::spawn(ingest(client));
            }
        },
        async {
            while let Some(error) = server.errors().next().await {
                eprintln!("{error}");
            }
        },
    );
    Ok(())
}

async fn ingest(mut client: Client<Socket>) {
    let peer = client.peer().unwrap_or("somebody").to_owned();
    let mut responder = Responder::new(Arc::new(Policy::default()), Arc::default());
    let (mut messages, mut bytes) = (0, 0);
    let result = client
        .serve(&mut responder, |event, message, _| match event {
            // The name is a secret of the encoder's.
            Event::Published { stream, .. } => println!("{peer} publishes on stream {stream}"),
            Event::Media { .. } => {
                messages += 1;
                bytes += u64::from(message.length);
            }
            _ => {}
        })
        .await;
    println!("{peer} sent {messages} messages of {bytes} bytes");
    if let Err(error) = result {
        eprintln!("{error}");
    }
}
