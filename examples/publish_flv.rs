//! Publishes an FLV file at the pace of its timestamps.
//!
//! `cargo run --example publish_flv movie.flv 127.0.0.1:1935 live key`

#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::error::Error;
use std::fs::File;
use std::time::Duration;

use rtmpctl::capture::file::{Item, Reader};
use rtmpctl::live::{Client, ClientOptions, Message};
use rtmpctl::proto::message::Control;
use rtmpctl::proto::message::command::{Connect, PublishType};
use tokio::time::{Instant, sleep_until};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, address, app, key] = &arguments[..] else {
        return Err("usage: publish_flv FILE HOST:PORT APP KEY".into());
    };
    let mut tags = Reader::new(File::open(file)?)?;

    let mut client = Client::dial(address.as_str(), &ClientOptions::default()).await?;
    client.handshake().await?;
    client.sender().control(Control::SetChunkSize { size: Some(4096) });
    let connect = Connect {
        app: Some(app.as_str().into()),
        tc_url: Some(format!("rtmp://{address}/{app}").as_str().into()),
        ..Connect::default()
    };
    client.connect(&connect).await?;
    let stream = client.publish(key, PublishType::Live).await?;
    println!("publishing {file} on message stream {stream}");

    let start = Instant::now();
    while let Some(item) = tags.next()? {
        let Item::Tag(tag) = item else { continue };
        sleep_until(start + Duration::from_millis(tag.timestamp.into())).await;
        let message = Message::new(stream, tag.type_id, tag.timestamp, tag.payload.to_vec());
        client.send(&message).await?;
    }
    client.delete_stream(stream).await?;
    client.close().await?;
    Ok(())
}
