//! `health`: whether a server answers, for health checks where no other program is.

use crate::{agent, failure::Failure, outcome::Outcome, output::Output};
use clap::Args;
use std::{io, time::Duration};

/// Arguments of `health`.
#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Address of the server; then no port counts [default: http://127.0.0.1:PORT/]
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// Port of the server on this machine, if no address is given
    #[arg(long, default_value_t = 8000, env = "HASHRANGE_PORT")]
    port: u16,
    /// How long to wait for an answer
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2_000)]
    timeout_millis: u64,
}

impl Health {
    /// Asks the server. Errors: it does not answer in time, or says that it takes no more writes.
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        let url = self.url.clone().unwrap_or_else(|| format!("http://127.0.0.1:{}/", self.port));
        let unwell = |why: String| Failure::io(format!("{url} is not well"), io::Error::other(why));
        let timeout = Duration::from_millis(self.timeout_millis);
        let mut answer = agent::of(&url, timeout)?.get(&url).call().map_err(|error| unwell(error.to_string()))?;
        let status = answer.status();
        let body = answer.body_mut().read_to_string().map_err(|error| unwell(error.to_string()))?;
        if status != 200 {
            return Err(unwell(format!("status {status}: {}", body.trim())));
        }
        let mut output = Output::new();
        output.line(body.trim())?;
        output.finish()?;
        Ok(Outcome::Done)
    }
}
