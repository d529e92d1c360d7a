//! The image as a Testcontainers module for Rust: `Hashrange::new("0.1.0").start().await?`, then
//! `get_host_port_ipv4(PORT)`.

use testcontainers::{
    Image,
    core::{ContainerPort, WaitFor},
};

/// The port that the server listens on inside of the container.
pub const PORT: ContainerPort = ContainerPort::Tcp(8000);

/// The image of a release.
#[derive(Clone, Debug)]
pub struct Hashrange {
    name: String,
    tag: String,
}

impl Hashrange {
    /// The image `hashrange` with a tag.
    pub fn new(tag: impl Into<String>) -> Self {
        Self { name: "hashrange".to_owned(), tag: tag.into() }
    }

    /// The same from another place, such as a registry of one's own.
    pub fn named(name: impl Into<String>, tag: impl Into<String>) -> Self {
        Self { name: name.into(), tag: tag.into() }
    }
}

impl Image for Hashrange {
    fn name(&self) -> &str {
        &self.name
    }

    fn tag(&self) -> &str {
        &self.tag
    }

    fn ready_conditions(&self) -> Vec<WaitFor> {
        vec![WaitFor::message_on_stdout("listening on http://")]
    }

    fn expose_ports(&self) -> &[ContainerPort] {
        &[PORT]
    }
}
