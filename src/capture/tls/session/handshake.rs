//! What a session learns from handshake messages. Knows no records.

use super::super::facts::Unreadable;
use super::super::half::{Level, Need};
use super::super::hello::{self, ClientHello, MESSAGE_HEADER, ServerHello, message};
use super::super::keys::Resumed;
use super::super::names::Version;
use super::super::schedule::{Digest, Output};
use super::super::suite::Suite;
use super::{Chosen, Context, Exchange, Session};
use crate::Limits;
use crate::inspect::Place;
use crate::proto::Direction;

impl Session {
    pub(super) fn handshake(
        &mut self,
        direction: Direction,
        place: Place,
        text: &[u8],
        context: &mut Context<'_>,
    ) {
        let mut rest = text;
        let mut rekey = false;
        while self.unreadable.is_none() {
            let before = rest;
            let message = self.half(direction).messages.next(&mut rest, Limits::TLS_MESSAGE);
            if let Some([client, server]) = &mut self.transcript {
                let side = if direction == Direction::ClientToServer { client } else { server };
                side.extend_from_slice(&before[..before.len() - rest.len()]);
            }
            let Some(message) = message else { break };
            let (head, body) = message.split_at(MESSAGE_HEADER.min(message.len()));
            let kind = head.first().copied().unwrap_or_default();
            let long = head.get(1..).is_some_and(|length| length.iter().any(|&byte| byte != 0));
            let cut = body.is_empty() && long;
            let level = self.half(direction).level();
            let client = direction == Direction::ClientToServer;
            match (kind, level) {
                (message::CLIENT_HELLO, Level::Plain | Level::Master) if client => {
                    match ClientHello::read(body).filter(|_| !cut) {
                        Some(hello) => self.client_hello(hello, &message),
                        None => self.give_up(Unreadable::ClientHello, place, context),
                    }
                }
                (message::SERVER_HELLO, Level::Plain | Level::Master) if !client => {
                    let hello = ServerHello::read(body).filter(|_| !cut);
                    if let Err(reason) = hello
                        .ok_or(Unreadable::ServerHello)
                        .and_then(|hello| self.server_hello(hello))
                    {
                        self.give_up(reason, place, context);
                    }
                }
                (message::ENCRYPTED_EXTENSIONS, Level::Handshake) if !client => {
                    let (alpn, early) = hello::encrypted_extensions(body);
                    self.facts.alpn = alpn.or_else(|| self.facts.alpn.take());
                    self.early = Some(early);
                    self.progress = true;
                }
                (message::END_OF_EARLY_DATA, Level::Early) => {
                    self.half(direction).need = Need::Level(Level::Handshake);
                }
                (message::FINISHED, Level::Handshake) => {
                    self.half(direction).need = Need::Level(Level::Application(0));
                }
                (message::KEY_UPDATE, Level::Application(_)) => rekey = true,
                (message::CLIENT_KEY_EXCHANGE, Level::Plain | Level::Master) if client => {
                    self.key_exchange(body);
                }
                (message::NEW_SESSION_TICKET, Level::Plain | Level::Master) if !client => {
                    self.ticket = hello::new_session_ticket(body).and_then(Resumed::ticket);
                }
                _ => {}
            }
        }
        if rekey && let Some(epoch) = self.following(direction, context.keys) {
            self.half(direction).install(epoch);
        }
    }

    fn client_hello(&mut self, hello: ClientHello, message: &[u8]) {
        if self.client.is_none() || self.halves[0].level() == Level::Master {
            // The first, the second of two, or a renegotiation.
            self.transcript = Some([message.to_vec(), Vec::new()]);
            if self.facts.client_random.is_none() {
                self.facts.client_random = Some(hello.random);
                self.facts.server_name.clone_from(&hello.server_name);
                self.facts.versions_offered.clone_from(&hello.versions);
                self.facts.alpn_offered.clone_from(&hello.alpn);
            }
            self.client = Some(hello);
            self.server = None;
            (self.exchange, self.ticket) = (None, None);
            let [client, server] = &mut self.halves;
            if client.level() == Level::Plain {
                client.need = Need::Hello;
            }
            if server.need == Need::Hello {
                server.need = Need::Nothing;
            }
            self.progress = true;
        }
    }

    fn server_hello(&mut self, hello: ServerHello) -> Result<(), Unreadable> {
        let early = match &self.client {
            Some(client) => client.early_data && !self.retried,
            None if self.headless => false,
            None => return Ok(()),
        };
        if self.server.is_some() && !self.guessed {
            return Ok(()); // one is enough
        }
        let version = hello.version;
        self.facts.version = Some(version);
        self.facts.cipher_suite = Some(hello.suite);
        self.progress = true;
        if !(Version::TLS_1_0..=Version::TLS_1_3).contains(&version) {
            return Err(Unreadable::Version(version));
        }
        let suite = Suite::of(hello.suite, version);
        let suite = suite.ok_or(Unreadable::CipherSuite(hello.suite))?;
        if hello.compressed {
            return Err(Unreadable::Compressed);
        }
        if self.guessed && hello.is_retry() {
            return Ok(()); // the other one follows
        }
        if core::mem::take(&mut self.guessed) {
            // It comes behind what the client went on with, which is being read.
            self.half(Direction::ServerToClient).need = Need::Level(Level::Handshake);
            self.server = Some(Chosen { hello, suite });
            return Ok(());
        }
        let [to_server, to_client] = &mut self.halves;
        if version == Version::TLS_1_3 && hello.is_retry() {
            self.retried = true;
            self.client = None;
            to_server.need = Need::Nothing;
            to_client.need = if self.headless { Need::Nothing } else { Need::Hello };
            return Ok(());
        }
        if version == Version::TLS_1_3 {
            self.transcript = None;
            to_server.need = Need::Level(if early { Level::Early } else { Level::Handshake });
            to_client.need = Need::Level(Level::Handshake);
        } else {
            if to_server.need == Need::Hello {
                to_server.need = Need::Nothing;
            }
            self.transcript.take_if(|_| !suite.rsa || !hello.extended_master_secret);
        }
        self.facts.alpn = hello.alpn.clone().or_else(|| self.facts.alpn.take());
        self.server = Some(Chosen { hello, suite });
        Ok(())
    }

    /// EncryptedPreMasterSecret (RFC 5246 §7.4.7.1), and the handshake up to it.
    fn key_exchange(&mut self, body: &[u8]) {
        let transcript = self.transcript.take();
        let Some(Chosen { hello, suite }) = &self.server else { return };
        let Some(encrypted) = body.get(2..).and_then(|encrypted| encrypted.first_chunk()) else {
            return;
        };
        if suite.rsa {
            let hash = transcript.map(|[client, server]| {
                // The server's messages come between the ClientHello and what the client answers.
                let length = client.get(1..MESSAGE_HEADER).unwrap_or_default();
                let length = length.iter().fold(0, |all, &byte| all << 8 | usize::from(byte));
                let (first, behind) = client.split_at((MESSAGE_HEADER + length).min(client.len()));
                let parts = [first, &server, behind];
                if hello.version >= Version::TLS_1_2 {
                    suite.digest.hash(&parts)
                } else {
                    Output::of(&[&*Digest::Md5.hash(&parts), &*Digest::Sha1.hash(&parts)].concat())
                }
            });
            let hash = hash.filter(|_| hello.extended_master_secret);
            self.exchange =
                Some(Exchange { encrypted: Resumed::Premaster(*encrypted), transcript: hash });
        }
    }
}
