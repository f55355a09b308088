//! `Env` as a build script makes it, over two environments.

include!(concat!(env!("OUT_DIR"), "/bindery.rs"));
