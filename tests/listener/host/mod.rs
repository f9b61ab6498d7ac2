//! The server by itself, in a thread of its own: what it answers, relays and refuses, and what is told of it.

mod behaviour;
mod ends;
mod limits;
mod relay;
mod rig;
mod secure;
mod serve;
mod time;
